// MariaDB: all tables as SQL, from one snapshot of them all, while others write. It is what mariadb-dump would write, which
// is not where the application is; the client `mariadb` reads it as well. Each statement is one line.

import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2';
import type { MariadbConfig } from '../../config/config.ts';
import { DatabaseUnavailable } from '../../database/database.ts';
import { MIGRATIONS_TABLE } from '../../database/migrations/index.ts';
import { BackupFailure } from './failure.ts';
import type { Copied } from './manifest.ts';

/** Characters of an INSERT, about. The server takes 16 MB by default. */
const STATEMENT = 256 * 1024;

/** Writes all tables to `file`, and counts their rows. */
export async function dumpMariadb(config: MariadbConfig, file: string, at: string): Promise<Copied> {
  return withSession(config, async (session) => {
    // Every read from here on is of this one moment. No answer is too slow for a backup.
    await session.ask('SET SESSION max_statement_time = 0, net_write_timeout = 600');
    await session.ask('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await session.ask('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    const migrations = await session.ask<{ name: string }>(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`);
    const rows: Record<string, number> = {};
    await piped(
      Readable.from(statements(session, at, rows)),
      createGzip(),
      createWriteStream(file, { mode: 0o600, flags: 'wx', flush: true }),
    );
    return { rows, migrations: migrations.map(({ name }) => name) };
  });
}

async function* statements(session: Session, at: string, counts: Record<string, number>): AsyncGenerator<string> {
  const [database] = await session.ask<{ charset: string; collation: string }>(
    'SELECT @@character_set_database AS charset, @@collation_database AS collation',
  );
  yield `-- Movie Quotes as it was at ${at}: mariadb DATABASE < this file, into a database without tables.\n`;
  yield 'SET NAMES utf8mb4;\n';
  yield `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0;\n`;
  yield `ALTER DATABASE CHARACTER SET ${database?.charset} COLLATE ${database?.collation};\n`;
  const tables = await tablesOf(session);
  for (const { name, engine } of tables) {
    if (engine !== 'InnoDB') {
      const what = `the table ${name} is one of ${engine}, of which there is no snapshot`;
      throw new BackupFailure(what, `ALTER TABLE ${name} ENGINE = InnoDB`);
    }
    const [row] = await session.ask<{ 'Create Table': string }>(`SHOW CREATE TABLE ${quoted(name)}`);
    yield `${row?.['Create Table'].replaceAll('\n', ' ')};\n`;
  }
  yield 'START TRANSACTION;\n';
  for (const { name } of tables) {
    counts[name] = 0;
    let values: string[] = [];
    let length = 0;
    const insert = () => `INSERT INTO ${quoted(name)} VALUES ${values.join(',')};\n`;
    for await (const row of session.rows(`SELECT * FROM ${quoted(name)}`)) {
      const value = `(${row.map((field) => session.escape(field)).join(',')})`;
      values.push(value);
      length += value.length;
      counts[name]++;
      if (length < STATEMENT) continue;
      yield insert();
      values = [];
      length = 0;
    }
    if (values.length > 0) yield insert();
    // What came over the connection is all that there is.
    const [found] = await session.ask<{ count: string }>(`SELECT COUNT(*) AS count FROM ${quoted(name)}`);
    if (Number(found?.count) !== counts[name]) throw new DatabaseUnavailable(`it gave not all rows of ${name}`);
  }
  yield 'COMMIT;\n';
}

/** The statements of a dump. Lines end with \n alone: a text may have other ends of lines in it. */
export async function* statementsOf(file: string): AsyncGenerator<string> {
  let rest = '';
  const text = pipeline(createReadStream(file), createGunzip(), () => {}); // Whoever reads it is told of an error.
  for await (const chunk of text.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) if (!line.startsWith('--')) yield line;
  }
}

/** One connection for as long as it takes. Errors are in the words of the port, without values. */
export interface Session {
  ask<Row>(sql: string): Promise<Row[]>;
  /** Rows as they come, never all at once. */
  rows(sql: string): AsyncGenerator<unknown[]>;
  escape(value: unknown): string;
}

export async function tablesOf(session: Session): Promise<{ name: string; engine: string }[]> {
  return session.ask(
    `SELECT TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME`,
  );
}

export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export async function withSession<Result>(
  { host, port, user, password, database }: MariadbConfig,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const connection = createConnection({
    host,
    port,
    user,
    password,
    database,
    charset: 'utf8mb4_bin',
    // As they are: a number that JavaScript has not, and a date, are texts.
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    enableKeepAlive: true,
  });
  connection.on('error', () => {}); // Whoever asked is told.
  try {
    return await work(sessionOn(connection));
  } finally {
    connection.destroy();
  }
}

function sessionOn(connection: Connection): Session {
  const failed = (cause: unknown): DatabaseUnavailable => {
    const { code } = cause as { code?: string };
    return new DatabaseUnavailable(code ?? (cause as Error).message);
  };
  return {
    async ask(sql) {
      const [rows] = await connection
        .promise()
        .query<RowDataPacket[]>(sql)
        .catch((cause) => {
          throw failed(cause);
        });
      return rows as never[];
    },
    async *rows(sql) {
      try {
        yield* connection.query({ sql, rowsAsArray: true }).stream({ highWaterMark: 64 });
      } catch (cause) {
        throw failed(cause);
      }
    },
    escape: (value) => connection.escape(value),
  };
}
