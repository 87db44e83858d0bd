import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { Database } from '../src/database/database.ts';
import { openDatabase } from '../src/database/open.ts';
import { BadRows } from '../src/modules/transfer/bad-input.ts';
import { exportQuotes } from '../src/modules/transfer/export.ts';
import type { Format } from '../src/modules/transfer/format.ts';
import { importQuotes } from '../src/modules/transfer/import.ts';
import { type Row, rowsOf } from '../src/modules/transfer/rows.ts';
import { decode } from '../src/modules/transfer/text.ts';
import { commandLine } from './fixtures/command-line.ts';
import { configIn, databasesFor, temporaryFolder } from './fixtures/movie-quotes.ts';

const SILENT = pino({ level: 'silent' }) as FastifyBaseLogger;
const ALIEN = { film: 'Alien', year: 1979, content: 'Final report of the “Nostromo”, é, 日本', speaker: 'Ripley' };
const HEADER = 'film,year,content,speaker\n';

/** The rows of `content`, given in pieces of so many bytes. */
async function rows(content: string | Buffer, format?: Format, piece = 1 << 20): Promise<Row[]> {
  const bytes = Buffer.from(content as string);
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  }
  return Array.fromAsync(rowsOf(decode(pieces()), format));
}

async function openCatalogue(t: Test): Promise<Database> {
  // One connection, as the command has.
  const config = configIn(temporaryFolder(t), { ...(await databasesFor(t)), DATABASE_POOL: '1' });
  const { database } = await openDatabase(config.database, SILENT);
  t.teardown(() => database.close());
  return database;
}

/** All that an import could change. */
async function stateOf(database: Database): Promise<unknown> {
  const [audit] = await database.query('SELECT COUNT(*) AS count FROM audit');
  const [films] = await database.query('SELECT COUNT(*) AS count, MAX(id) AS last FROM films');
  const [people] = await database.query('SELECT COUNT(*) AS count, MAX(id) AS last FROM people');
  return { audit, films, people, quotes: await Array.fromAsync(exportQuotes(database, 'ndjson')) };
}

const given = (values: readonly object[]): Row[] => values.map((value, i) => ({ line: i + 1, value }));

t.test('JSON, NDJSON and CSV say the same, however they are cut', async (t) => {
  const json = JSON.stringify(ALIEN);
  const csv = `${HEADER}Alien,1979,"Final report of the “Nostromo”, é, 日本",Ripley\r\n`;
  const contents = { json: ` [\n${json} ]\n`, ndjson: `\n${json}\n`, csv };
  for (const [format, content] of Object.entries(contents)) {
    for (const piece of [1, 7, 1 << 20]) {
      t.strictSame(await rows(content, format as Format, piece), [{ line: 2, value: ALIEN }], `${format} by ${piece}`);
    }
    t.strictSame(await rows(content), [{ line: 2, value: ALIEN }], `${format} by its content`);
  }
  t.strictSame(await rows('speaker,Film,content,year\nRipley,Alien,"say ""no""",1979\n', 'csv'), [
    { line: 2, value: { ...ALIEN, content: 'say "no"' } },
  ]);
  t.strictSame(await rows(`${HEADER.trim()}\n`, 'csv'), []);
  t.strictSame(await rows('[]', 'json'), []);
  t.strictSame(await rows('"\u2028"\n', 'ndjson'), [{ line: 1, value: '\u2028' }], 'a line ends at a line feed alone');
});

t.test('a byte-order mark says what the text is in', async (t) => {
  const content = `\uFEFF${HEADER}Alien,1979,"${ALIEN.content}",Ripley\n`;
  const le = Buffer.from(content, 'utf16le');
  for (const bytes of [Buffer.from(content), le, Buffer.from(le).swap16()]) {
    for (const piece of [1, 1000]) t.strictSame(await rows(bytes, 'csv', piece), [{ line: 2, value: ALIEN }]);
  }
});

t.test('what is in another encoding is refused, with its line', async (t) => {
  const latin1 = Buffer.from(`${HEADER}Alien,1979,é,Ripley\nAmélie,2001,x,y\n`, 'latin1');
  for (const piece of [1, 30, 1000]) {
    await t.rejects(rows(latin1, 'csv', piece), { message: 'line 2 is not UTF-8', todo: 'save it as UTF-8', exit: 1 });
  }
  const late = Buffer.concat([Buffer.from(`${HEADER}Amélie,2001,x,y\nA,2001,`), Buffer.from([0xe9, 0x0a])]);
  for (const piece of [1, 32, 1000]) await t.rejects(rows(late, 'csv', piece), { message: 'line 3 is not UTF-8' });
  await t.rejects(rows(Buffer.from([...Buffer.from('{"a":"'), 0xc3]), 'ndjson'), {
    message: 'line 1 ends in the middle of a character',
  });
  await t.rejects(rows(Buffer.from('[{}]', 'utf16le')), /UTF-16 without a byte-order mark/);
  await t.rejects(rows(Buffer.from([0xff, 0xfe, 0, 0, 0x5b, 0, 0, 0])), /UTF-32/);
  await t.rejects(rows(Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x5b, 0])), /half a character in the UTF-16/);
});

t.test('a file that is broken says where', async (t) => {
  await t.rejects(rows('{"film": "Alien"}', 'json'), { message: 'the JSON is no array' });
  await t.rejects(rows('[{}', 'json'), { message: 'line 1: the JSON ends before its array does' });
  await t.rejects(rows('', 'json'), { message: 'line 1: the JSON ends before its array does' });
  await t.rejects(rows('[{},\n{"film": nonsense}]', 'json'), {
    message: /^from line 2 on the JSON cannot be read: \D+$/,
  });
  await t.rejects(rows('[{}] x', 'json', 2), { message: /after the array|cannot be read/ });
  await t.rejects(rows('', 'csv'), { message: 'the first line names other columns: nothing' });
  await t.rejects(rows('film;year;content;speaker\n', 'csv'), { message: /names other columns: "film;year/ });
  const long = 'x'.repeat(200_000);
  for (const content of [`[{"film":"${long}"}]`, `{"film":"${long}"}`, `${HEADER}Alien,1979,"${long}`]) {
    await t.rejects(rows(content, undefined, 16_384), { message: /line \d+: a row of more than 65536 characters/ });
  }
});

t.test('a row that is broken has its line and a reason', async (t) => {
  const found = await rows(`${HEADER}A,1999,b\n\nB,1999,c,"d`, 'csv');
  t.strictSame(
    found.toSorted((a, b) => a.line - b.line),
    [
      { line: 2, problem: 'has 3 columns and not 4' },
      { line: 4, problem: 'a quotation mark is never closed' },
    ],
  );
  t.match(await rows(`${HEADER}A,1999,say "no",b\n`, 'csv'), [{ line: 2, problem: /^a field with a quotation mark/ }]);
  t.match(await rows('{}\n{"film":\n{}', 'ndjson'), [
    { line: 1, value: {} },
    { line: 2, problem: /^is not JSON/ },
    { line: 3, value: {} },
  ]);
  t.strictSame(await rows('[1,\n[2],\n{"film":{"a":[]}}]', 'json'), [
    { line: 1, value: 1 },
    { line: 2, value: [2] },
    { line: 3, value: { film: { a: [] } } },
  ]);
});

t.test('an import', async (t) => {
  const database = await openCatalogue(t);
  const quotes = [
    ALIEN,
    { film: 'Alien', year: 1979, content: 'Another one', speaker: 'Ripley' },
    { film: 'alien', year: 1979, content: 'Another one', speaker: 'Ash' },
    { film: 'Élan', year: 2020, content: "Robert'); DROP TABLE quotes;--", speaker: '<b>=1+1</b>' },
  ];

  await t.test('adds what is missing, and says so in the audit log', async (t) => {
    t.strictSame(await importQuotes(database, given(quotes), 'cli'), { added: 4, present: 0 });
    const found = await database.query(
      `SELECT title AS film, year, content, name AS speaker, version, search FROM quotes
        JOIN films ON films.id = quotes.film_id JOIN people ON people.id = person_id ORDER BY quotes.id DESC LIMIT 4`,
    );
    t.match(found.reverse(), quotes);
    t.match(found[3], { version: 1, search: "robert'); drop table quotes;-- <b>=1+1</b> elan 2020" });
    const [last] = await database.query('SELECT actor, action FROM audit ORDER BY id DESC LIMIT 1');
    t.match(last, { actor: 'cli', action: 'import' });
  });

  await t.test('changes nothing the second time', async (t) => {
    const before = await stateOf(database);
    t.strictSame(await importQuotes(database, given(quotes), 'cli'), { added: 0, present: 4 });
    t.strictSame(await importQuotes(database, [], 'cli'), { added: 0, present: 0 });
    t.strictSame(await stateOf(database), before);
  });

  await t.test('leaves out what comes twice in a file', async (t) => {
    const [film, year] = ['Twice', 1999];
    const twice = [
      { film, year, content: 'One', speaker: 'A' },
      { film, year, content: 'One', speaker: 'A' },
      { film, year, content: 'One', speaker: 'B' },
      ALIEN,
    ];
    t.strictSame(await importQuotes(database, given(twice), 'cli'), { added: 1, present: 3 });
    t.strictSame(
      (await database.query("SELECT name FROM people JOIN films ON films.id = film_id WHERE title = 'Twice'")).length,
      1,
      'and makes no person whom nobody quotes',
    );
  });

  await t.test('of a file with wrong rows changes nothing, and lists them', async (t) => {
    const before = await stateOf(database);
    const good = { film: 'Good', year: 2000, content: 'Good', speaker: 'Good' };
    const wrong: Row[] = [
      ...given(Array.from({ length: 250 }, (_, i) => ({ ...good, content: `Good ${i}` }))),
      { line: 251, problem: 'is not JSON' },
      { line: 252, value: { ...good, year: '2000' } },
      { line: 253, value: { ...good, year: 1066, content: 'two\nlines', id: 7 } },
      { line: 254, value: { film: 'x'.repeat(201), year: 2000, content: ' ' } },
      { line: 255, value: null },
      ...Array.from({ length: 30 }, (_, i) => ({ line: 256 + i, value: [] })),
    ];
    const error = await importQuotes(database, wrong, 'cli').catch((error) => error);
    t.ok(error instanceof BadRows);
    t.equal(error.count, 35);
    t.equal(error.problems.length, 20);
    t.match(error.problems, [
      { line: 251, reason: 'is not JSON' },
      { line: 252, reason: 'year must be integer' },
      { line: 253, reason: /"id" is not taken; year must be >= 1888; content must be text on one line/ },
      { line: 254, reason: /speaker is missing; film must NOT have more than 200 characters; content must be/ },
      { line: 255, reason: 'must be object' },
    ]);
    t.strictSame(await stateOf(database), before);
  });

  await t.test('of a file that ends in the middle changes nothing', async (t) => {
    const before = await stateOf(database);
    async function* broken(): AsyncGenerator<Row> {
      yield* given(quotes.map((quote) => ({ ...quote, film: 'Broken' })));
      throw new Error('the disk is gone');
    }
    await t.rejects(importQuotes(database, broken(), 'cli'), { message: 'the disk is gone' });
    t.strictSame(await stateOf(database), before);
  });

  await t.test('counts characters as the database does', async (t) => {
    const content = '🎬'.repeat(500);
    const long = { film: 'Long', year: 2000, content, speaker: 'Somebody' };
    t.strictSame(await importQuotes(database, given([long]), 'cli'), { added: 1, present: 0 });
    // One letter for a reader, two characters for a database.
    const more = { ...long, content: 'e\u0301'.repeat(251) };
    await t.rejects(importQuotes(database, given([more]), 'cli'), { message: '1 row is wrong' });
  });
});

t.test('quotes import', async (t) => {
  const quotes = await commandLine(t);
  writeFileSync(join(quotes.folder, 'alien.csv'), `${HEADER}Alien,1979,"I admire its purity, really.",Ash\n`);

  await t.test('takes a file, and writes one line on a pipe', async (t) => {
    const first = await quotes.run(['import', 'alien.csv']);
    t.match(first.stderr, /^quotes: migrated the database [^\n]+\n$/, 'a database that is not there yet is made');
    t.strictSame({ ...first, stderr: '' }, { status: 0, stdout: '1 quote added, 0 were there already\n', stderr: '' });
    t.strictSame(await quotes.run(['import', 'alien.csv']), {
      status: 0,
      stdout: '0 quotes added, 1 was there already\n',
      stderr: '',
    });
  });

  await t.test('shows no bar on a pipe', async (t) => {
    const child = quotes.start(['import', 'alien.csv']);
    const [[status], stdout, stderr] = await Promise.all([
      once(child, 'close'),
      text(child.stdout),
      text(child.stderr),
    ]);
    t.strictSame(
      { status, stdout, stderr },
      { status: 0, stdout: '0 quotes added, 1 was there already\n', stderr: '' },
    );
  });

  await t.test('takes standard input', async (t) => {
    const ended = await quotes.run(['import', '-'], { input: JSON.stringify([ALIEN]) });
    t.strictSame(ended, { status: 0, stdout: '1 quote added, 0 were there already\n', stderr: '' });
  });

  await t.test('lists wrong rows and ends with status 1', async (t) => {
    writeFileSync(join(quotes.folder, 'wrong.ndjson'), `{}\n${JSON.stringify(ALIEN)}\n"\u001b[2J"\n[]\n`);
    const { status, stdout, stderr } = await quotes.run(['import', 'wrong.ndjson']);
    t.equal(status, 1);
    t.equal(stdout, '');
    t.match(
      stderr,
      /^line 1: film is missing; .*\nline 3: is not JSON .*\nline 4: must be object\nquotes: 3 rows are wrong, /,
    );
    t.notMatch(stderr, '\u001b', 'what is in the file moves no cursor');
  });

  await t.test('tells what is wrong in one line, and what to do', async (t) => {
    mkdirSync(join(quotes.folder, 'folder'));
    const wrong: [args: string[], status: number, line: RegExp][] = [
      [['import', 'missing.csv'], 1, /^quotes: the file "missing.csv" cannot be read \(ENOENT\); name a file/],
      [['import', 'folder'], 1, /^quotes: the file "folder" cannot be read \(it is a folder\); name a file/],
      [['import'], 2, /^quotes: missing required argument 'file'; see quotes --help/],
      [['import', 'x', '--format', 'xml'], 2, /^quotes: option .* 'xml' is invalid. .*; see quotes --help/],
      [['imprt'], 2, /^quotes: unknown command 'imprt'.*; see quotes --help/],
    ];
    for (const [args, status, line] of wrong) {
      const ended = await quotes.run(args);
      t.equal(ended.status, status, args.join(' '));
      t.match(ended.stderr, line);
      t.match(ended.stderr, /^[^\n]+\n$/, 'one line');
    }
  });

  await t.test('ends with status 3 where the database cannot be used', async (t) => {
    const environment = { DATABASE_FILE: 'no/such.sqlite', DATABASE_URL: '' };
    const ended = await quotes.run(['import', 'alien.csv'], { environment });
    t.equal(ended.status, 3);
    t.match(ended.stderr, /^quotes: the folder of the database .* does not exist; make it with mkdir -p [^\n]+\n$/);
  });
});
