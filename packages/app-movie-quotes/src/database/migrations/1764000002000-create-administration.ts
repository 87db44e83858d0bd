// Who may change the catalogue, what was changed, and the counts behind every limit.

import type { MigrationInterface, QueryRunner } from 'typeorm';
import { serial } from './dialect.ts';

export class CreateAdministration1764000002000 implements MigrationInterface {
  readonly name = 'CreateAdministration1764000002000';

  async up(runner: QueryRunner): Promise<void> {
    const id = serial(runner);
    // A session counts while it has the `sessions_since` that it began with.
    await runner.query(
      `CREATE TABLE IF NOT EXISTS admins (${id}, name varchar(64) NOT NULL, password_hash varchar(255) NOT NULL,
        sessions_since bigint NOT NULL, CONSTRAINT admins_name UNIQUE (name))`,
    );
    // Sessions that were signed out before their time: a copy of their cookie is worth nothing.
    await runner.query(
      `CREATE TABLE IF NOT EXISTS ended_sessions (id varchar(64) NOT NULL PRIMARY KEY, until bigint NOT NULL)`,
    );
    // `was` and `became` are JSON: the row before and after.
    await runner.query(
      `CREATE TABLE IF NOT EXISTS audit (${id}, at bigint NOT NULL, actor varchar(80) NOT NULL, action varchar(16) NOT NULL,
        subject varchar(16) NOT NULL, subject_id integer NOT NULL, was text, became text, undone_by integer)`,
    );
    await runner.query('CREATE INDEX IF NOT EXISTS audit_subject ON audit (subject, subject_id)');
    await runner.query(
      `CREATE TABLE IF NOT EXISTS limits (id varchar(190) NOT NULL PRIMARY KEY, count integer NOT NULL, resets_at bigint NOT NULL)`,
    );
    await runner.query('CREATE INDEX IF NOT EXISTS limits_resets_at ON limits (resets_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['limits', 'audit', 'ended_sessions', 'admins']) {
      await runner.query(`DROP TABLE IF EXISTS ${table}`);
    }
  }
}
