import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CATALOGUE } from '../src/database/catalogue.ts';
import { commandLine } from './fixtures/command-line.ts';

const COUNT = CATALOGUE.flatMap(({ quotes }) => quotes).length;
/** What a spreadsheet would take for a formula, or a reader of CSV for the end of a field. */
const ODD = { film: '=1+1', year: 2000, content: '-2 "say", he said; “so”, 🎬', speaker: '@cmd' };

t.test('quotes export', async (t) => {
  const quotes = await commandLine(t);
  t.equal((await quotes.run(['import', '-'], { input: JSON.stringify(ODD) })).status, 0);

  await t.test('gives the whole catalogue in each format, as an import takes it', async (t) => {
    for (const format of ['json', 'ndjson', 'csv']) {
      const exported = await quotes.run(['export', '--format', format]);
      t.equal(exported.status, 0);
      t.equal(exported.stderr, '');
      if (format === 'json') t.strictSame(JSON.parse(exported.stdout).at(-1), ODD);
      if (format === 'csv')
        t.match(exported.stdout, '\n=1+1,2000,"-2 ""say"", he said; “so”, 🎬",@cmd\n', 'nothing is changed');
      const imported = await quotes.run(['import', '-'], { input: exported.stdout });
      t.equal(imported.stdout, `0 quotes added, ${COUNT + 1} were there already\n`, format);
    }
  });

  await t.test('writes a file that is whole, in the format of its name', async (t) => {
    const file = join(quotes.folder, 'all.csv');
    writeFileSync(file, 'old');
    const { status, stdout, stderr } = await quotes.run(['export', 'all.csv']);
    t.strictSame({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
    t.match(readFileSync(file, 'utf8'), /^film,year,content,speaker\n/);
    t.notOk(readdirSync(quotes.folder).some((name) => name.endsWith('.tmp')));
    const missing = await quotes.run(['export', 'no/such.json']);
    t.equal(missing.status, 1);
    t.match(missing.stderr, /^quotes: the file "[^\n"]*no\/such.json" cannot be written \(ENOENT\); [^\n]+\n$/);
    t.notOk(existsSync(join(quotes.folder, 'no')));
  });
});

t.test('an export is imported into another database, and there it is the same', async (t) => {
  const [one, other] = [await commandLine(t), await commandLine(t)];
  await one.run(['import', '-'], { input: JSON.stringify([ODD]) });
  const exported = (await one.run(['export', '--format', 'csv'])).stdout;
  const imported = await other.run(['import', '-'], { input: exported });
  t.equal(imported.stdout, `1 quote added, ${COUNT} were there already\n`);
  t.equal((await other.run(['export', '--format', 'csv'])).stdout, exported);
});
