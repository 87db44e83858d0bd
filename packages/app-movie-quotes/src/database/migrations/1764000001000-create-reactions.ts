// What visitors do: likes, views by day, what is still to be delivered to MongoDB, and the events of live pages. No foreign
// keys to quotes: a deletion can be undone, and its likes come back with it.

import { randomUUID } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { serial } from './dialect.ts';

export class CreateReactions1764000001000 implements MigrationInterface {
  readonly name = 'CreateReactions1764000001000';

  async up(runner: QueryRunner): Promise<void> {
    const id = serial(runner);
    // `id` of a like is the key that makes it count once.
    await runner.query(
      `CREATE TABLE IF NOT EXISTS likes (id varchar(80) NOT NULL PRIMARY KEY, quote_id integer NOT NULL, at bigint NOT NULL)`,
    );
    await runner.query('CREATE INDEX IF NOT EXISTS likes_quote ON likes (quote_id)');
    await runner.query('CREATE INDEX IF NOT EXISTS likes_at ON likes (at, quote_id)');
    // `day` counts from 1970-01-01 (UTC).
    await runner.query(
      `CREATE TABLE IF NOT EXISTS views (day integer NOT NULL, quote_id integer NOT NULL, count integer NOT NULL,
        PRIMARY KEY (day, quote_id))`,
    );
    await runner.query('CREATE INDEX IF NOT EXISTS views_quote ON views (quote_id)');
    await runner.query(
      `CREATE TABLE IF NOT EXISTS reaction_outbox (${id}, kind varchar(8) NOT NULL, like_id varchar(80) NOT NULL,
        quote_id integer NOT NULL, count integer NOT NULL, at bigint NOT NULL)`,
    );
    await runner.query('CREATE INDEX IF NOT EXISTS reaction_outbox_quote ON reaction_outbox (quote_id)');
    await runner.query('CREATE INDEX IF NOT EXISTS reaction_outbox_like ON reaction_outbox (like_id)');
    // One row: what MongoDB knows this database by.
    await runner.query(
      'CREATE TABLE IF NOT EXISTS reaction_origin (id integer NOT NULL PRIMARY KEY, name varchar(36) NOT NULL)',
    );
    if ((await runner.query('SELECT id FROM reaction_origin')).length === 0) {
      await runner.query('INSERT INTO reaction_origin (id, name) VALUES (1, ?)', [randomUUID()]);
    }
    await runner.query(
      `CREATE TABLE IF NOT EXISTS reaction_events (${id}, kind varchar(16) NOT NULL, quote_id integer NOT NULL, at bigint NOT NULL)`,
    );
    // Who does a job that one process at a time may do, and until when.
    await runner.query(
      `CREATE TABLE IF NOT EXISTS leases (name varchar(64) NOT NULL PRIMARY KEY, holder varchar(64) NOT NULL, until bigint NOT NULL)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['leases', 'reaction_events', 'reaction_origin', 'reaction_outbox', 'views', 'likes']) {
      await runner.query(`DROP TABLE IF EXISTS ${table}`);
    }
  }
}
