import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { loadConfig } from '../src/config/config.ts';
import { CATALOGUE } from '../src/database/catalogue.ts';
import type { Database, Value } from '../src/database/database.ts';
import { MIGRATIONS } from '../src/database/migrations/index.ts';
import { connect } from '../src/database/open.ts';
import { isPassword } from '../src/modules/admin/passwords.ts';
import { type CommandLine, commandLine } from './fixtures/command-line.ts';

const NAMES = MIGRATIONS.map((Migration) => new Migration().name);
const PASSWORD = 'correct horse battery';

/** A connection beside the command's. */
async function openBeside(t: Test, { environment, folder }: CommandLine): Promise<Database> {
  const database = await connect(
    loadConfig(environment, folder).database,
    pino({ level: 'silent' }) as FastifyBaseLogger,
  );
  t.teardown(() => database.close());
  return database;
}

const change = (database: Database, sql: string, values: Value[] = []): Promise<unknown> =>
  database.transaction((transaction) => transaction.run(sql, values));

t.test('quotes migrate and quotes seed', async (t) => {
  const quotes = await commandLine(t);

  const before = await quotes.run(['migrate', 'status']);
  t.strictSame(before, { status: 0, stdout: NAMES.map((name) => `missing ${name}\n`).join(''), stderr: '' });
  if (quotes.environment.DATABASE_FILE !== undefined) {
    t.notOk(existsSync(join(quotes.folder, quotes.environment.DATABASE_FILE)), 'looking makes no database');
  }
  t.equal((await quotes.run(['migrate', 'up'])).stdout, NAMES.map((name) => `ran ${name}\n`).join(''));
  t.equal((await quotes.run(['migrate', 'up'])).stdout, 'nothing to do\n');
  t.equal((await quotes.run(['migrate'])).stdout, NAMES.map((name) => `done    ${name}\n`).join(''));

  const unsaid = await quotes.run(['migrate', 'down']);
  t.equal(unsaid.status, 2);
  t.match(unsaid.stderr, /^quotes: what is in the tables [^\n]+ --yes [^\n]+\n$/);
  t.equal((await quotes.run(['migrate', 'down', '--yes'])).stdout, `took back ${NAMES.at(-1)}\n`);
  t.match((await quotes.run(['migrate', 'status'])).stdout, `missing ${NAMES.at(-1)}\n`);
  t.equal((await quotes.run(['migrate', 'up'])).stdout, `ran ${NAMES.at(-1)}\n`);

  const database = await openBeside(t, quotes);
  await change(database, "DELETE FROM films WHERE title = 'Casablanca'");
  const casablanca = CATALOGUE.find(({ title }) => title === 'Casablanca')?.quotes.length;
  const all = CATALOGUE.flatMap(({ quotes }) => quotes).length;
  t.ok(casablanca);
  const added = `${casablanca} ${casablanca === 1 ? 'quote' : 'quotes'} added`;
  t.equal((await quotes.run(['seed'])).stdout, `${added}, ${all - Number(casablanca)} were there already\n`);
  t.equal((await quotes.run(['seed'])).stdout, `0 quotes added, ${all} were there already\n`);

  await change(database, "INSERT INTO migrations (timestamp, name) VALUES (2000000000000, 'AddStars2000000000000')");
  for (const args of [['migrate', 'status'], ['migrate', 'up'], ['seed']]) {
    const newer = await quotes.run(args);
    t.equal(newer.status, 3, args.join(' '));
    t.match(
      newer.stderr,
      /^quotes: [^\n]+ by a newer version [^\n]+AddStars2000000000000\); run that version [^\n]+\n$/,
    );
  }
});

t.test('quotes doctor and quotes admin', async (t) => {
  const quotes = await commandLine(t);

  await t.test('quotes doctor', async (t) => {
    const sqlite = quotes.environment.DATABASE_FILE !== undefined;
    const findings = async (environment: Record<string, string> = {}) => {
      const { status, stdout } = await quotes.run(['doctor', '--json'], { environment });
      const { grade, findings } = JSON.parse(stdout);
      const found = new Map<string, { grade: string; text: string; todo?: string }>();
      for (const finding of findings) found.set(finding.subject, finding);
      for (const finding of findings) if (finding.grade !== 'ok') t.ok(finding.todo, `${finding.subject}: what to do`);
      return { status, grade, found };
    };

    const early = await findings();
    t.equal(early.status, 0, 'what is not there yet is no problem');
    t.match(early.found.get(sqlite ? 'database' : 'migrations'), { grade: 'warning', todo: /quotes migrate up/ });
    if (sqlite) t.notOk(existsSync(join(quotes.folder, 'quotes.sqlite')), 'looking makes no database');

    await quotes.run(['migrate', 'up']);
    const database = await openBeside(t, quotes);
    const well = await findings({ SESSION_SECRET: 'x'.repeat(40), LOG_FILE: 'app.log' });
    t.equal(well.status, 0);
    for (const subject of [
      'configuration',
      'database',
      'migrations',
      'catalogue',
      'outbox',
      'MongoDB',
      'log file',
      'card cache',
    ]) {
      t.equal(well.found.get(subject)?.grade, 'ok', subject);
    }
    t.equal(well.found.get('administration')?.text, 'on');
    t.notOk(existsSync(join(quotes.folder, 'app.log')));

    await change(database, 'DELETE FROM films');
    await change(
      database,
      "INSERT INTO reaction_outbox (kind, like_id, quote_id, count, at) VALUES ('like', 'x', 1, 1, 1)",
    );
    writeFileSync(join(quotes.folder, '.env'), 'LOG_LEVEL=info\n');
    chmodSync(join(quotes.folder, '.env'), 0o644);
    const odd = await findings();
    t.equal(odd.status, 0);
    t.equal(odd.grade, 'warning');
    t.match(odd.found.get('catalogue'), { grade: 'warning', text: 'it is empty', todo: 'quotes seed' });
    t.match(odd.found.get('outbox'), { grade: 'warning', text: /^1 reaction/ });
    t.match(odd.found.get('.env'), { grade: 'warning', todo: /^chmod o= / });

    const away = await findings({
      MONGODB_URL: 'mongodb://127.0.0.1:1/quotes',
      DATABASE_TIMEOUT: '0',
      LOG_FILE: 'no/such.log',
    });
    t.equal(away.status, 1);
    t.equal(away.grade, 'problem');
    t.match(away.found.get('MongoDB'), { grade: 'problem', text: /^127.0.0.1:1 does not answer/ });
    t.match(away.found.get('folder of the log'), {
      grade: 'problem',
      text: /does not exist/,
      todo: /^make it with mkdir -p /,
    });

    mkdirSync(join(quotes.folder, 'folder'));
    const broken = await findings({ DATABASE_URL: '', DATABASE_FILE: 'folder' });
    t.match(broken.found.get('database'), { grade: 'problem', text: /is a folder/, todo: /choose another file/ });
    const gone = await findings({ DATABASE_URL: 'mariadb://nobody@127.0.0.1:1/quotes', DATABASE_FILE: '' });
    t.match(gone.found.get('database'), { grade: 'problem', text: /is away/, todo: /^start it/ });

    const ended = await quotes.run(['doctor'], { environment: { LOG_LEVEL: 'loud' } });
    t.equal(ended.status, 1);
    t.match(
      ended.stdout,
      /^PROBLEM configuration: LOG_LEVEL takes [^\n]+; correct it in the environment or in \.env\n/m,
    );
  });

  await t.test('quotes admin', async (t) => {
    const hashes = async () => {
      const rows = await database.query<{ name: string; hash: string }>(
        'SELECT name, password_hash AS hash FROM admins ORDER BY name',
      );
      return rows;
    };

    const made = await quotes.run(['admin', 'create', 'Ripley'], { input: `${PASSWORD}\r\n` });
    t.equal(made.status, 0, made.stderr);
    t.equal(made.stdout, 'made the administrator ripley\n');
    const database = await openBeside(t, quotes);
    t.match(await hashes(), [{ name: 'ripley' }]);
    t.ok(await isPassword(PASSWORD, (await hashes())[0]?.hash));

    const reset = await quotes.run(['admin', 'reset', 'ripley'], { input: `${PASSWORD} staple` });
    t.equal(reset.status, 0, reset.stderr);
    t.ok(await isPassword(`${PASSWORD} staple`, (await hashes())[0]?.hash));

    const kept = await hashes();
    const wrong: [args: string[], input: string, line: RegExp][] = [
      [['create', 'ripley'], PASSWORD, /there is an administrator ripley already/],
      [['create', 'ash'], 'short', /password must have at least 12 characters, not 5/],
      [['create', 'ash'], '', /password must have at least 12 characters, not 0/],
      [['create', '../ash'], PASSWORD, /name takes up to 64 letters/],
      [['reset', 'ash'], PASSWORD, /there is no administrator ash/],
    ];
    for (const [args, input, line] of wrong) {
      const ended = await quotes.run(['admin', ...args], { input });
      t.equal(ended.status, 1, args.join(' '));
      t.match(ended.stderr, line);
      t.match(ended.stderr, /^quotes: [^\n]+; [^\n]+\n$/);
    }
    t.strictSame(await hashes(), kept);
  });

  await t.test('on a terminal the password is asked for twice, and not shown', async (t) => {
    if (spawnSync('script', ['--version']).status !== 0)
      return t.comment('there is no script(1) that makes a terminal');
    const { status, shown } = await onTerminal(quotes, ['admin', 'create', 'dallas'], [PASSWORD, PASSWORD]);
    t.equal(status, 0, shown);
    t.match(shown, /Password for dallas: \r?\nOnce more: \r?\n/);
    t.match(shown, 'made the administrator dallas');
    t.notMatch(shown, PASSWORD);
    const other = await onTerminal(quotes, ['admin', 'reset', 'ripley'], [PASSWORD, 'something else']);
    t.equal(other.status, 1);
    t.match(other.shown, 'quotes: the two passwords differ; try again');
  });
});

/** Runs `quotes ...args` on a terminal of its own, where the next of `typed` is typed whenever it asks. */
async function onTerminal(
  quotes: CommandLine,
  args: readonly string[],
  typed: string[],
): Promise<{ status: number | null; shown: string }> {
  const child = quotes.start(args, (command) => [
    'script',
    '--quiet',
    '--return',
    '--command',
    command.join(' '),
    '/dev/null',
  ]);
  let shown = '';
  let asked = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    shown += chunk;
    for (const questions = shown.split(/(?:Password for \w+|Once more): /).length - 1; asked < questions; asked++)
      child.stdin.write(`${typed.shift()}\r`);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, shown };
}
