import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApp } from '@tsgi/app-movie-quotes';
import t from 'tap';
import { Environment } from '../src/config/config.ts';
import { configIn, temporaryFolder } from './fixtures/movie-quotes.ts';

const PACKAGE = join(import.meta.dirname, '..');
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');

/** The cells of the table rows that begin with code: `name` | second | third. */
const rows = [...README.matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)].map(([, name, rest]) => ({
  name: name as string,
  cells: (rest as string).split('|').map((cell) => cell.trim()),
}));

t.test('every variable is in the table, with its default and what it takes', async (t) => {
  for (const [name, schema] of Object.entries(Environment.properties)) {
    const { default: fallback, description } = schema as { default?: unknown; description?: string };
    const row = rows.find((row) => row.name === name);
    t.ok(row, name);
    if (fallback !== undefined) t.equal(row?.cells[0], `\`${fallback}\``);
    if (!name.startsWith('DATABASE_URL')) t.match(row?.cells[1], description as string);
  }
});

t.test('every route is in the table', async (t) => {
  const app = createApp({ config: configIn(temporaryFolder(t)) });
  t.teardown(() => app.close());
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    if (method === 'GET') routes.push(`GET ${url}`);
  });
  await app.ready();
  t.strictSame(
    routes.sort(),
    rows
      .map(({ name }) => name)
      .filter((name) => name.startsWith('GET '))
      .sort(),
  );
});

t.test('the example runs', async (t) => {
  const [, code] = /```ts listing\n(.*?)```/s.exec(README) as unknown as [string, string];
  const output = execFileSync(
    process.execPath,
    ['--conditions=@tsgi/source', '--input-type=module-typescript', '--eval', code],
    {
      cwd: PACKAGE,
      encoding: 'utf8',
      env: {
        ...process.env,
        LOG_LEVEL: 'silent',
        MAX_EVENT_LOOP_DELAY: '0',
        DATABASE_FILE: join(temporaryFolder(t), 'x.sqlite'),
      },
    },
  );
  t.match(output, /film: '|film: "/);
});
