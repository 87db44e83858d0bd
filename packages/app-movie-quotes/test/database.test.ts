// What the application asks of its database, the same of SQLite and of the MariaDB that MQ_TEST_DATABASE names.

import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { DatabaseConfig } from '../src/config/config.ts';
import { CATALOGUE } from '../src/database/catalogue.ts';
import type { Database } from '../src/database/database.ts';
import { migrationStates, undoMigration } from '../src/database/migrate.ts';
import { MIGRATIONS } from '../src/database/migrations/index.ts';
import { openDatabase as open } from '../src/database/open.ts';
import { configIn, databasesFor, openDirectly, serve, temporaryFolder } from './fixtures/movie-quotes.ts';

const silent = pino({ level: 'silent' }) as FastifyBaseLogger;
const QUOTES = CATALOGUE.reduce((sum, film) => sum + film.quotes.length, 0);
const NAMES = MIGRATIONS.map((Migration) => new Migration().name);

/** A place for a database that is empty. */
async function emptyPlace(t: Test, environment: Record<string, string> = {}): Promise<DatabaseConfig> {
  return configIn(temporaryFolder(t), { ...(await databasesFor(t)), ...environment }).database;
}

/** Opens the database; it is closed with the test. */
async function openDatabase(t: Test, config: DatabaseConfig) {
  const opened = await open(config, silent);
  t.teardown(() => opened.database.close());
  return opened;
}

async function count(database: Database, table: string): Promise<number> {
  const rows = await database.query<{ count: number }>(`SELECT COUNT(*) AS count FROM ${table}`);
  return rows[0]?.count as number;
}

t.test('an empty place becomes a database with the catalogue', async (t) => {
  const { database, migrated } = await openDatabase(t, await emptyPlace(t));
  t.strictSame(migrated, NAMES);
  t.equal(await count(database, 'films'), CATALOGUE.length);
  t.equal(await count(database, 'quotes'), QUOTES);
  const found = await database.query(
    `SELECT title, year, name FROM quotes JOIN films ON films.id = quotes.film_id JOIN people ON people.id = person_id
      WHERE content = ?`,
    ["Here's looking at you, kid."],
  );
  t.match(found, [{ title: 'Casablanca', year: 1942, name: 'Rick Blaine' }]);

  const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
  t.strictSame(
    upQueries.map(({ query }) => query),
    [],
    'the tables are those that the entities describe',
  );
});

t.test('an up-to-date database is opened without a write, also while another process writes', async (t) => {
  const config = await emptyPlace(t, { DATABASE_TIMEOUT: '0' });
  const first = await openDatabase(t, config);
  await first.database.transaction(async (transaction) => {
    await transaction.run('UPDATE films SET title = ? WHERE id = 1', ['Another title']);
    const read = () => (config.kind === 'sqlite' ? readFileSync(config.file) : Buffer.alloc(0));
    const before = read();
    const { database, migrated } = await openDatabase(t, config);
    t.strictSame(migrated, []);
    t.ok(read().equals(before));
    t.equal(await count(database, 'films'), CATALOGUE.length);
  });
});

t.test('the catalogue is imported once: what was deleted stays away', async (t) => {
  const config = await emptyPlace(t);
  const { database } = await openDatabase(t, config);
  await database.transaction((transaction) => transaction.run('DELETE FROM films'));
  t.equal(await count(database, 'quotes'), 0, 'films go with their quotes');
  const again = await openDatabase(t, config);
  t.strictSame(again.migrated, []);
  t.equal(await count(again.database, 'films'), 0);
});

t.test('what a transaction did is told by its statements', async (t) => {
  const { database } = await openDatabase(t, await emptyPlace(t));
  const { words } = database;
  await database.transaction(async (transaction) => {
    const inserted = await transaction.run('INSERT INTO films (title, year) VALUES (?, ?)', ['Sunrise', 1927]);
    t.strictSame(inserted, { rows: 1, id: CATALOGUE.length + 1 });
    const same = 'UPDATE films SET year = year WHERE id <= 3';
    t.equal((await transaction.run(same)).rows, 3, 'rows that are matched, changed or not');
    t.equal((await transaction.run('DELETE FROM films WHERE id = ?', [inserted.id])).rows, 1);
    t.equal((await transaction.run('DELETE FROM films WHERE id = ?', [inserted.id])).rows, 0);

    const like = `${words.insertOrIgnore} likes (id, quote_id, at) VALUES (?, ?, ?)`;
    t.equal((await transaction.run(like, ['one', 1, 10])).rows, 1);
    t.equal((await transaction.run(like, ['one', 2, 20])).rows, 0);
    t.strictSame(await transaction.query('SELECT id, quote_id, at FROM likes'), [{ id: 'one', quote_id: 1, at: 10 }]);

    const view = `INSERT INTO views (day, quote_id, count) VALUES (?, ?, ?)
      ${words.onConflictUpdate('day, quote_id')} count = views.count + ${words.inserted('count')}`;
    await transaction.run(view, [1, 1, 2]);
    await transaction.run(view, [1, 1, 3]);
    t.strictSame(await transaction.query('SELECT count FROM views'), [{ count: 5 }]);
  });
});

t.test('numbers come back as numbers, and texts exactly as they were', async (t) => {
  const { database } = await openDatabase(t, await emptyPlace(t));
  const at = Date.UTC(2100, 0, 1);
  const text = `It's "50%" \\ a_b \u{1f3ac} é e\u0301 -- ; /* ? */`;
  await database.transaction((transaction) =>
    transaction.run('INSERT INTO likes (id, quote_id, at) VALUES (?, ?, ?), (?, ?, ?)', [text, 1, at, 'b', 2, at]),
  );
  t.strictSame(await database.query('SELECT COUNT(*) AS n, SUM(quote_id) AS s, MAX(at) AS at FROM likes'), [
    { n: 2, s: 3, at },
  ]);
  t.strictSame(await database.query('SELECT id FROM likes WHERE id = ?', [text]), [{ id: text }]);
  t.strictSame(await database.query("SELECT id || '!' AS joined FROM likes WHERE quote_id = 2"), [{ joined: 'b!' }]);

  await database.transaction(async (transaction) => {
    const titles = ['Alien', 'alien', 'Aliën', 'Alien '];
    for (const title of titles) await transaction.run('INSERT INTO films (title, year) VALUES (?, 2200)', [title]);
    t.equal((await transaction.query('SELECT id FROM films WHERE title = ? AND year = 2200', ['alien'])).length, 1);
  });
});

t.test('the database refuses a film or a quote that it has, and a quote of no film', async (t) => {
  const { database } = await openDatabase(t, await emptyPlace(t));
  const run = (sql: string) => database.transaction((transaction) => transaction.run(sql));
  const quote = 'INSERT INTO quotes (film_id, person_id, content) SELECT';
  const unique = { message: 'the database refused it: unique' };
  await t.rejects(
    run("INSERT INTO films (title, year) SELECT title, year FROM films WHERE title = 'Casablanca'"),
    unique,
  );
  await t.rejects(run(`${quote} film_id, person_id, content FROM quotes WHERE id = 1`), unique);
  await t.rejects(run(`${quote} 999999, person_id, 'a new one' FROM quotes WHERE id = 1`), {
    message: 'the database refused it: reference',
  });

  await database.transaction(async (transaction) => {
    const again = transaction.run(`${quote} film_id, person_id, content FROM quotes WHERE id = 1`);
    await t.rejects(again, unique, 'inside a transaction as well, which goes on');
    await transaction.run("UPDATE films SET title = 'After all' WHERE id = 1");
  });
  t.strictSame(await database.query('SELECT title FROM films WHERE id = 1'), [{ title: 'After all' }]);
});

t.test('a transaction is all or nothing, and nobody sees half of it', async (t) => {
  const { database } = await openDatabase(t, await emptyPlace(t));
  const failed = database.transaction(async (transaction) => {
    await transaction.run('DELETE FROM likes');
    await transaction.run("INSERT INTO likes (id, quote_id, at) VALUES ('half', 1, 1)");
    t.equal(await count(database, 'likes'), 0, 'a reader beside it');
    throw new Error('given up');
  });
  await t.rejects(failed, /^given up$/);
  t.equal(await count(database, 'likes'), 0);
});

t.test('transactions at once each count', async (t) => {
  const config = await emptyPlace(t);
  const first = (await openDatabase(t, config)).database;
  const second = (await openDatabase(t, config)).database;
  await first.transaction((transaction) =>
    transaction.run('INSERT INTO views (day, quote_id, count) VALUES (1, 1, 0), (2, 1, 0)'),
  );
  const one = async (database: Database, days: number[]) => {
    // Rows locked in either order, which two transactions of MariaDB cannot both have; one of them is run again.
    await database.transaction(async (transaction) => {
      for (const day of days) await transaction.run('UPDATE views SET count = count + 1 WHERE day = ?', [day]);
    });
  };
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => one(index % 2 ? first : second, index % 3 ? [1, 2] : [2, 1])),
  );
  t.strictSame(await first.query('SELECT count FROM views ORDER BY day'), [{ count: 20 }, { count: 20 }]);
});

t.test('an error of a statement does not tell its values', async (t) => {
  const { database } = await openDatabase(t, await emptyPlace(t));
  const error: Error = await database
    .query('SELECT * FROM no_such_table WHERE id = ?', ['a secret'])
    .catch((error) => error);
  t.match(error, { message: /no_such_table|no such table/, sql: 'SELECT * FROM no_such_table WHERE id = ?' });
  t.notMatch(JSON.stringify(Object.entries(error)) + error.stack, 'a secret');
});

t.test('migrations are taken back one by one, and run again', async (t) => {
  const config = await emptyPlace(t);
  const { database } = await openDatabase(t, config);
  const before = await database.query('SELECT id, content FROM quotes ORDER BY id');
  t.equal(await undoMigration(database, config), 'SeedCatalogue1764000003000');
  t.match(
    (await migrationStates(database)).filter(({ done }) => !done),
    [{ name: 'SeedCatalogue1764000003000' }],
  );
  t.equal(await undoMigration(database, config), 'CreateAdministration1764000002000');
  t.equal(await undoMigration(database, config), 'CreateReactions1764000001000');
  t.equal(await undoMigration(database, config), 'NamePeople1764000000000');
  t.strictSame(await database.query('SELECT speaker FROM quotes WHERE id = 1'), [{ speaker: 'Jack Robin' }]);

  const again = await openDatabase(t, config);
  t.strictSame(again.migrated, NAMES.slice(1));
  t.strictSame(await again.database.query('SELECT id, content FROM quotes ORDER BY id'), before, 'nothing was lost');

  for (const _ of NAMES) await undoMigration(database, config);
  t.equal(await undoMigration(database, config), undefined);
  await t.rejects(database.query('SELECT 1 FROM films'));
});

t.test('a database that a newer version migrated is refused', async (t) => {
  const config = await emptyPlace(t);
  const { database } = await openDatabase(t, config);
  const newer = "INSERT INTO migrations (timestamp, name) VALUES (2000000000000, 'AddStars2000000000000')";
  await database.transaction((transaction) => transaction.run(newer));
  await t.rejects(open(config, silent), {
    code: 'MQ_ERR_DATABASE_NEWER',
    message: /written by a newer version .* AddStars2000000000000/,
  });
});

t.test('a migration that was cut short is completed', async (t) => {
  const config = await emptyPlace(t);
  const { database } = await openDatabase(t, config);
  if (database.kind === 'sqlite') return t.comment('in SQLite a migration is one transaction');
  // Each as MariaDB is left when the process is killed behind that step: the tables are changed, the name is not noted.
  for (const name of NAMES) {
    await database.transaction((transaction) => transaction.run('DELETE FROM migrations WHERE name = ?', [name]));
    t.strictSame((await openDatabase(t, config)).migrated, [name], name);
  }
  t.equal(await count(database, 'quotes'), QUOTES);

  for (const _ of NAMES.slice(1)) await undoMigration(database, config);
  await database.dataSource.query('ALTER TABLE quotes ADD person_id integer NULL');
  await database.dataSource.query('ALTER TABLE quotes ADD search varchar(2000) NOT NULL DEFAULT ""');
  t.strictSame((await openDatabase(t, config)).migrated, NAMES.slice(1), 'in the middle of the steps');
  const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
  t.strictSame(upQueries, []);
});

t.test('a copy of the file alone is a copy of the catalogue', async (t) => {
  const config = await emptyPlace(t);
  await openDatabase(t, config);
  if (config.kind !== 'sqlite') return t.comment('SQLite alone has a file');
  const copy = join(temporaryFolder(t), 'copy.sqlite');
  copyFileSync(config.file, copy);
  t.match(openDirectly(t, copy).prepare('SELECT COUNT(*) AS count FROM quotes').get(), { count: QUOTES });
});

t.test('four workers that start at once on an empty place make one schema and one catalogue', async (t) => {
  const folder = temporaryFolder(t);
  const environment = await databasesFor(t);
  const { child, location, ended } = await serve(t, folder, {
    TSGI_BIND: '127.0.0.1:0',
    TSGI_WORKERS: '4',
    ...environment,
  });
  const file = join(folder, 'data/movie-quotes.sqlite');
  if (environment.DATABASE_URL === undefined) t.ok(existsSync(file), 'the default path, its folder made');
  t.equal((await fetch(new URL('/api/v1/quotes/random', location))).status, 200);

  const place = environment.DATABASE_URL === undefined ? { DATABASE_FILE: file } : environment;
  const { database, migrated } = await openDatabase(t, configIn(folder, place).database);
  t.strictSame(migrated, []);
  t.equal(await count(database, 'quotes'), QUOTES);
  t.equal(await count(database, 'films'), CATALOGUE.length);
  t.equal(await count(database, 'migrations'), NAMES.length);
  child.kill('SIGTERM');
  const { status, stdout, stderr } = await ended;
  t.strictSame({ status, stderr }, { status: 0, stderr: '' });
  t.equal(stdout.match(/"msg":"worker \d starts"/g)?.length, 4, 'each worker started at the first go');
  t.equal(stdout.match(/"migrated":/g)?.length, 1, 'one of them did the work');
});
