import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';
import { commandLine } from './fixtures/command-line.ts';
import { startSite } from './fixtures/movie-quotes.ts';

const PUBLIC = join(import.meta.dirname, '../src/public');

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort();

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

t.test('quotes assets', async (t) => {
  const quotes = await commandLine(t);
  const root = join(quotes.folder, 'assets');
  const before = process.umask(0o077);
  const { status, stdout, stderr } = await quotes.run(['assets', 'assets']);
  process.umask(before);
  t.strictSame({ status, stderr }, { status: 0, stderr: '' });
  const path = stdout.trimEnd();

  await t.test('copies all files to the path that pages name, for everybody to read', async (t) => {
    const site = await startSite(t);
    t.match((await site.request('/')).body, `assets/${relative(root, path)}/style.css`);
    t.strictSame(filesOf(path), filesOf(PUBLIC));
    for (const name of filesOf(path)) {
      t.ok(readFileSync(join(path, name)).equals(readFileSync(join(PUBLIC, name))), name);
      t.equal(modeOf(join(path, name)), '644');
    }
    for (const folder of [root, path, join(path, 'fonts')]) t.equal(modeOf(folder), '755');
    t.notOk(existsSync(join(quotes.folder, 'quotes.sqlite')), 'no database is asked for');
  });

  await t.test('leaves a version that is there, and the files of the versions before', async (t) => {
    const past = new Date(Date.now() - 86_400_000);
    const old = ['000000000001', '000000000002'].map((version) => join(root, version));
    const [abandoned, other] = ['.unfinished-abc123', 'somebody-elses'].map((name) => join(root, name)) as [
      string,
      string,
    ];
    for (const folder of [...old, abandoned, other]) {
      mkdirSync(folder);
      writeFileSync(join(folder, 'style.css'), 'old');
      utimesSync(folder, past, past);
    }
    utimesSync(path, new Date(0), new Date(0));
    const { ino } = statSync(join(path, 'style.css'));
    t.equal((await quotes.run(['assets', 'assets'])).stdout, `${path}\n`);
    t.equal(statSync(join(path, 'style.css')).ino, ino);
    t.notOk(existsSync(abandoned), 'what a killed run left goes');
    for (const folder of [...old, other]) t.ok(existsSync(folder));
    await quotes.run(['assets', 'assets', '--keep', '1']);
    t.strictSame(
      readdirSync(root).sort(),
      [relative(root, path), 'somebody-elses'].sort(),
      'the present one is the latest',
    );
  });

  await t.test('makes one whole version where several run at once', async (t) => {
    const runs = await Promise.all([1, 2, 3].map(() => quotes.run(['assets', 'shared'])));
    for (const { status } of runs) t.equal(status, 0);
    t.strictSame(readdirSync(join(quotes.folder, 'shared')), [relative(root, path)]);
  });

  await t.test('says what is wrong in a line', async (t) => {
    writeFileSync(join(quotes.folder, 'file'), '');
    const wrong = await quotes.run(['assets', 'file']);
    t.equal(wrong.status, 1);
    t.match(wrong.stderr, /^quotes: the folder "[^"\n]+file" cannot be written \(EEXIST\); [^\n]+\n$/);
    t.equal((await quotes.run(['assets', 'assets', '--keep', '0'])).status, 2);
  });
});
