import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FastifyBaseLogger } from 'fastify';
import Sqlite from 'libsql';
import mongoose from 'mongoose';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { loadConfig } from '../src/config/config.ts';
import { connect } from '../src/database/open.ts';
import { type CommandLine, commandLine } from './fixtures/command-line.ts';
import { openDirectly, temporaryFolder } from './fixtures/movie-quotes.ts';

const { MQ_TEST_DATABASE, MQ_TEST_MONGODB } = process.env;
const skip = MQ_TEST_DATABASE === undefined && MQ_TEST_MONGODB === undefined ? false : 'this is about SQLite';

/** Every row of every table, as text, which is compared in no time. */
function contentOf(file: string): Record<string, string> {
  const connection = new Sqlite(file, { readonly: true });
  try {
    const tables = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
    return Object.fromEntries(
      (tables as { name: string }[]).map(({ name }) => [
        name,
        JSON.stringify(connection.prepare(`SELECT * FROM "${name}" ORDER BY 1, 2`).raw().all()),
      ]),
    );
  } finally {
    connection.close();
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/**
 * Lets go of the files whose connections were closed: SQLite does so after the last of their statements, and those are
 * JavaScript's objects. A command's process ends instead.
 */
async function letGo(): Promise<void> {
  collectGarbage();
  await setImmediate();
  await setImmediate();
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const nameIn = (folder: string): string => readdirSync(folder).find((name) => name.endsWith('Z')) ?? 'none';

/** Makes a backup, and gives its path. */
async function backUp(quotes: CommandLine, folder: string): Promise<string> {
  const { status, stdout, stderr } = await quotes.run(['backup', folder]);
  if (status !== 0) throw new Error(stderr);
  return stdout.slice(0, stdout.indexOf(':'));
}

/** The command on a database file that has been made. */
async function withCatalogue(t: Test): Promise<CommandLine & { file: string }> {
  const quotes = await commandLine(t);
  await quotes.run(['migrate', 'up']);
  const run: CommandLine['run'] = async (args, options) => {
    await letGo();
    return quotes.run(args, options);
  };
  return { ...quotes, run, file: join(quotes.folder, 'quotes.sqlite') };
}

t.test('a backup while others write has whole transactions, and is restored row for row', { skip }, async (t) => {
  const quotes = await withCatalogue(t);
  const log = pino({ level: 'silent' }) as FastifyBaseLogger;
  await letGo();
  const database = await connect(loadConfig(quotes.environment, quotes.folder).database, log);
  let written = 0;
  let done = false;
  const writer = (async () => {
    for (; !done; written++) {
      await delay(2); // SQLite answers at once, and nothing else would have a turn.
      await database.transaction(async (transaction) => {
        await transaction.run('UPDATE quotes SET version = version + 1 WHERE id = 1');
        await transaction.run(
          "INSERT INTO audit (at, actor, action, subject, subject_id) VALUES (0, 'test', 'change', 'quote', 1)",
        );
      });
    }
  })();
  const child = quotes.start(['backup', 'backups', '--keep', '3']);
  const [output] = await Promise.all([child.stdout.toArray(), once(child, 'close')]);
  done = true;
  await writer;
  await database.close();
  t.equal(child.exitCode, 0);
  const folder = join(quotes.folder, 'backups');
  const backup = join(folder, nameIn(folder));
  t.match(output.join(''), new RegExp(`^${backup}: 327 quotes, \\d+ rows, by version `));

  const copy = openDirectly(t, join(backup, 'database.sqlite'));
  const { version } = copy.prepare('SELECT version FROM quotes WHERE id = 1').get() as { version: number };
  const { count } = copy.prepare('SELECT COUNT(*) AS count FROM audit').get() as { count: number };
  t.equal(version - 1, count, 'both parts of each transaction, or none');
  t.ok(count < written, `${count} of ${written}`);
  const { database: counted } = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8'));
  t.equal(counted.rows.audit, count);

  t.equal(modeOf(folder), '700');
  t.equal(modeOf(backup), '700');
  for (const name of ['database.sqlite', 'manifest.json', 'SHA256SUMS']) t.equal(modeOf(join(backup, name)), '600');

  await t.test('into a database that is not there', async (t) => {
    const fresh = join(temporaryFolder(t), 'fresh.sqlite');
    const restored = await quotes.run(['restore', backup], { environment: { DATABASE_FILE: fresh } });
    t.strictSame({ status: restored.status, stderr: restored.stderr }, { status: 0, stderr: '' });
    t.strictSame(contentOf(fresh), contentOf(join(backup, 'database.sqlite')));
    const same = await backUp(quotes, 'still');
    const again = join(temporaryFolder(t), 'again.sqlite');
    await quotes.run(['restore', same], { environment: { DATABASE_FILE: again } });
    t.strictSame(contentOf(again), contentOf(quotes.file), 'as it is now that nobody writes');
  });

  await t.test('over one that is there, if that is said', async (t) => {
    const other = await withCatalogue(t);
    const before = contentOf(other.file);
    const refused = await other.run(['restore', backup]);
    t.equal(refused.status, 1);
    t.match(refused.stderr, /^quotes: the database "[^"\n]+" is not empty; [^\n]+ --force [^\n]+\n$/);
    t.strictSame(contentOf(other.file), before);
    t.equal((await other.run(['restore', '--force', backup])).status, 0);
    t.strictSame(contentOf(other.file), contentOf(join(backup, 'database.sqlite')));
    t.strictSame(contentOf(`${other.file}.before-restore`), before, 'what was there is kept');

    const used = openDirectly(t, other.file);
    used.exec('BEGIN; SELECT * FROM films');
    const inUse = await other.run(['restore', '--force', backup]);
    t.match(inUse.stderr, /^quotes: the database "[^"\n]+" is in use; stop the application first\n$/);
  });
});

t.test(
  'a backup of an older version is brought up to date, and one of a newer version is refused',
  { skip },
  async (t) => {
    const quotes = await withCatalogue(t);
    await quotes.run(['migrate', 'down', '--yes']);
    const older = await backUp(quotes, 'older');
    const fresh = { environment: { DATABASE_FILE: join(temporaryFolder(t), 'fresh.sqlite') } };
    t.equal((await quotes.run(['restore', older], fresh)).status, 0);
    t.notMatch((await quotes.run(['migrate', 'status'], fresh)).stdout, 'missing');

    const file = join(older, 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    manifest.database.migrations.push('AddStars2000000000000');
    const text = JSON.stringify(manifest);
    const sums = join(older, 'SHA256SUMS');
    const sum = createHash('sha256').update(text).digest('hex');
    writeFileSync(file, text);
    writeFileSync(sums, readFileSync(sums, 'utf8').replace(/[0-9a-f]{64}(?= {2}manifest)/, sum));
    const newer = await quotes.run(['restore', older, '--check']);
    t.equal(newer.status, 1);
    t.match(newer.stderr, /^quotes: the backup "[^"\n]+" was written by a newer version [^\n]+AddStars[^\n]+\n$/);
  },
);

t.test('a damaged backup is not restored, and says what is damaged', { skip }, async (t) => {
  const quotes = await withCatalogue(t);
  const backup = await backUp(quotes, 'backups');
  t.equal((await quotes.run(['restore', '--check', backup])).status, 0);
  const fresh = { environment: { DATABASE_FILE: join(quotes.folder, 'fresh.sqlite') } };
  const file = join(backup, 'database.sqlite');
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  const damaged = await quotes.run(['restore', backup], fresh);
  t.equal(damaged.status, 1);
  t.match(damaged.stderr, /^quotes: the backup "[^"\n]+" is damaged \(database.sqlite is not what [^\n]+\n$/);
  t.notOk(existsSync(fresh.environment.DATABASE_FILE));
  t.match((await quotes.run(['restore', quotes.folder])).stderr, /^quotes: "[^"\n]+" is no backup \([^\n]+\n$/);
});

t.test('a folder of backups', { skip }, async (t) => {
  const quotes = await withCatalogue(t);
  const folder = join(quotes.folder, 'backups');

  await t.test('has whole ones alone, also when a backup is killed', async (t) => {
    mkdirSync(folder);
    const begun = Promise.withResolvers<void>();
    const watcher = watch(folder, (_event, name) => {
      if (name?.startsWith('.unfinished-')) begun.resolve();
    });
    const child = quotes.start(['backup', 'backups']);
    await begun.promise;
    watcher.close();
    child.kill('SIGKILL');
    await once(child, 'close');
    for (const name of readdirSync(folder).filter((name) => /^\d.*Z$/.test(name))) {
      t.equal((await quotes.run(['restore', '--check', join(folder, name)])).status, 0, 'it was done before');
    }
    await backUp(quotes, 'backups');
    t.notOk(
      readdirSync(folder).some((name) => name.startsWith('.unfinished-')),
      'the next one removes the rest',
    );
    t.equal((await quotes.run(['restore', '--check', join(folder, nameIn(folder))])).status, 0);
  });

  await t.test('keeps as many as are wanted, and what is none of them', async (t) => {
    for (const name of ['20200101T000000Z', '20200102T000000Z', '20200103T000000Z', 'notes'])
      mkdirSync(join(folder, name));
    await quotes.run(['backup', 'backups', '--keep', '3']);
    const left = readdirSync(folder);
    t.strictSame(
      left.filter((name) => name.startsWith('2020')),
      ['20200103T000000Z'],
    );
    t.ok(left.includes('notes'));
  });

  await t.test('takes one at a time', async (t) => {
    const lock = openDirectly(t, join(folder, '.lock'));
    lock.exec('BEGIN EXCLUSIVE');
    const refused = await quotes.run(['backup', 'backups']);
    lock.exec('COMMIT');
    t.equal(refused.status, 1);
    t.match(refused.stderr, /^quotes: another backup into "[^"\n]+" is running; let it finish\n$/);
  });

  await t.test('stays as it is when there is nothing to copy, or no room', async (t) => {
    const before = readdirSync(folder);
    const missing = await quotes.run(['backup', 'backups'], { environment: { DATABASE_FILE: 'no.sqlite' } });
    t.match(missing.stderr, /^quotes: there is no database "[^"\n]+no.sqlite"; [^\n]+\n$/);
    t.equal(missing.status, 1);
    t.notOk(existsSync(join(quotes.folder, 'no.sqlite')));
    const { status, stderr } = await quotes.run(['backup', 'quotes.sqlite']);
    t.match({ status, stderr }, { status: 1, stderr: /^quotes: "[^"\n]+" cannot be written \(EEXIST\); [^\n]+\n$/ });
    t.strictSame(readdirSync(folder), before);
  });
});

const beside = MQ_TEST_MONGODB !== undefined && MQ_TEST_DATABASE === undefined;

t.test(
  'MongoDB is in the backup, and knows no number of the reactions to come',
  { skip: !beside && 'no MongoDB' },
  async (t) => {
    const quotes = await withCatalogue(t);
    const connection = await mongoose.createConnection(quotes.environment.MONGODB_URL as string).asPromise();
    t.teardown(() => connection.close());
    const likes = connection.collection<{ _id: string }>('likes');
    const source = openDirectly(t, quotes.file);
    const { name } = source.prepare('SELECT name FROM reaction_origin').get() as { name: string };
    const given = { _id: 'one', quoteId: 1, liked: true, at: 1, marks: { [name]: 41 } };
    await likes.insertOne(given);
    const backup = await backUp(quotes, 'backups');
    await likes.insertOne({ ...given, _id: 'younger' });

    const fresh = { environment: { DATABASE_FILE: join(quotes.folder, 'fresh.sqlite') } };
    const refused = await quotes.run(['restore', backup], fresh);
    t.match(refused, { status: 1, stderr: /^quotes: MongoDB's database mq_test_\w+ is not empty; [^\n]+\n$/ });
    t.notOk(existsSync(fresh.environment.DATABASE_FILE));
    t.match(await quotes.run(['restore', backup, '--force'], fresh), {
      status: 0,
      stdout: / and 1 documents of MongoDB/,
    });
    t.strictSame(await likes.find().toArray(), [given]);
    const restored = openDirectly(t, fresh.environment.DATABASE_FILE);
    t.match(restored.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'reaction_outbox'").get(), { seq: 41 });
    const without = await quotes.run(['restore', backup, '--force'], { environment: { MONGODB_URL: '' } });
    t.match(without, { status: 1, stderr: /^quotes: the backup "[^"\n]+" has a copy of MongoDB, [^\n]+\n$/ });
  },
);
