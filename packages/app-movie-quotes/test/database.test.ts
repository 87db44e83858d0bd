import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t from 'tap';
import type { DatabaseConfig } from '../src/config/config.ts';
import { CATALOGUE } from '../src/database/catalogue.ts';
import { FilmEntity, QuoteEntity } from '../src/database/entities.ts';
import { openDatabase as open } from '../src/database/open.ts';
import { configIn, openDirectly, serve, temporaryFolder } from './fixtures/movie-quotes.ts';

const silent = pino({ level: 'silent' }) as FastifyBaseLogger;
const openDatabase = (config: DatabaseConfig) => open(config, silent);

const QUOTES = CATALOGUE.reduce((sum, film) => sum + film.quotes.length, 0);

t.test('a missing file becomes a database with the catalogue', async (t) => {
  const { database } = configIn(temporaryFolder(t));
  const { dataSource, migrated, imported } = await openDatabase(database);
  t.teardown(() => dataSource.destroy());
  t.strictSame(migrated, ['CreateCatalogue1763700000000']);
  t.equal(imported, QUOTES);
  t.equal(await dataSource.getRepository(FilmEntity).count(), CATALOGUE.length);
  t.equal(await dataSource.getRepository(QuoteEntity).count(), QUOTES);
  const found = await dataSource
    .getRepository(QuoteEntity)
    .findOneOrFail({ where: { content: "Here's looking at you, kid." }, relations: { film: true } });
  t.match(found, { speaker: 'Rick Blaine', film: { title: 'Casablanca', year: 1942 } });
});

t.test('the tables are those that the entities describe', async (t) => {
  const { dataSource } = await openDatabase(configIn(temporaryFolder(t)).database);
  t.teardown(() => dataSource.destroy());
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  t.strictSame(
    upQueries.map(({ query }) => query),
    [],
  );
});

t.test('an up-to-date database is opened without a write, also while another process writes', async (t) => {
  const { database } = configIn(temporaryFolder(t), { DATABASE_TIMEOUT: '0' });
  await (await openDatabase(database)).dataSource.destroy();
  openDirectly(t, database.file).exec('BEGIN IMMEDIATE');
  const before = readFileSync(database.file);
  const { dataSource, migrated, imported } = await openDatabase(database);
  await dataSource.destroy();
  t.strictSame({ migrated, imported }, { migrated: [], imported: 0 });
  t.ok(readFileSync(database.file).equals(before));
});

t.test('the catalogue is imported once: what was deleted stays away', async (t) => {
  const { database } = configIn(temporaryFolder(t));
  const first = await openDatabase(database);
  await first.dataSource.getRepository(QuoteEntity).deleteAll();
  await first.dataSource.destroy();
  const { dataSource, imported } = await openDatabase(database);
  t.teardown(() => dataSource.destroy());
  t.equal(imported, 0);
  t.equal(await dataSource.getRepository(QuoteEntity).count(), 0);
});

t.test('the database refuses a film or a quote that it has, and a quote of no film', async (t) => {
  const { dataSource } = await openDatabase(configIn(temporaryFolder(t)).database);
  t.teardown(() => dataSource.destroy());
  await t.rejects(dataSource.getRepository(FilmEntity).insert({ title: 'Casablanca', year: 1942 }), /UNIQUE/);
  const quotes = dataSource.getRepository(QuoteEntity);
  const { filmId, content, speaker } = await quotes.findOneByOrFail({ id: 1 });
  await t.rejects(quotes.insert({ filmId, content, speaker }), /UNIQUE/);
  await t.rejects(quotes.insert({ filmId: 999_999, content, speaker }), /FOREIGN KEY/);
  await dataSource.getRepository(FilmEntity).delete(filmId);
  t.equal(await quotes.findOneBy({ id: 1 }), null, 'a film goes with its quotes');
});

t.test('the migration can be taken back', async (t) => {
  const { dataSource } = await openDatabase(configIn(temporaryFolder(t)).database);
  t.teardown(() => dataSource.destroy());
  await dataSource.undoLastMigration();
  const tables = await dataSource.query("SELECT name FROM sqlite_master WHERE name IN ('films', 'quotes')");
  t.strictSame(tables, []);
});

t.test('a copy of the file alone is a copy of the catalogue', async (t) => {
  const folder = temporaryFolder(t);
  const { database } = configIn(folder);
  const { dataSource } = await openDatabase(database);
  t.teardown(() => dataSource.destroy());
  copyFileSync(database.file, join(folder, 'copy.sqlite'));
  const row = openDirectly(t, join(folder, 'copy.sqlite')).prepare('SELECT COUNT(*) AS count FROM quotes').get();
  t.match(row, { count: QUOTES });
});

t.test('four workers that start at once on no file make one schema and one catalogue', async (t) => {
  const folder = temporaryFolder(t);
  const { child, location, ended } = await serve(t, folder, { TSGI_BIND: '127.0.0.1:0', TSGI_WORKERS: '4' });
  const file = join(folder, 'data/movie-quotes.sqlite');
  t.ok(existsSync(file), 'the default path, its folder made');
  t.equal((await fetch(new URL('/api/v1/quotes/random', location))).status, 200);
  const direct = openDirectly(t, file);
  const count = (table: string) =>
    (direct.prepare(`SELECT COUNT(*) AS count FROM ${table}`).get() as { count: number }).count;
  t.equal(count('quotes'), QUOTES);
  t.equal(count('films'), CATALOGUE.length);
  t.equal(count('migrations'), 1);
  child.kill('SIGTERM');
  const { status, stdout, stderr } = await ended;
  t.strictSame({ status, stderr }, { status: 0, stderr: '' });
  t.equal(stdout.match(/"msg":"worker \d starts"/g)?.length, 4, 'each worker started at the first go');
  t.equal(stdout.match(/"imported":/g)?.length, 1, 'one of them did the work');
});
