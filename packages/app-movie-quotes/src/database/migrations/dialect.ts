// Where a migration's words differ between SQLite and MariaDB.

import type { QueryRunner } from 'typeorm';

export function isMariadb(runner: QueryRunner): boolean {
  return runner.dataSource.options.type === 'mariadb';
}

/** The column of a table's id, which the database counts up and never uses twice. */
export function serial(runner: QueryRunner): string {
  return isMariadb(runner) ? 'id integer NOT NULL AUTO_INCREMENT PRIMARY KEY' : 'id integer PRIMARY KEY AUTOINCREMENT';
}
