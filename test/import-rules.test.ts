// The import rules hold only if breaking one fails the check: each is broken here on purpose, in a workspace of
// a few lines with the real rules.

import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Test, test } from 'tap';
import { run } from './command.ts';
import { ROOT } from './markdown.ts';

/** A workspace that breaks no rule, as text by path. */
const CLEAN = {
  'packages/core/src/index.ts': `export const core = 1;`,
  'packages/bridge-node/src/index.ts': `import 'node:http';\nimport { core } from '@tsgi/core';\nexport const bridge = core;`,
  'packages/bridge-fetch/src/index.ts': `export { core } from '@tsgi/core';`,
  'packages/adapter-node/src/index.ts': `import 'node:net';\nimport { core } from '@tsgi/core';\nexport const adapter = core;`,
  'packages/adapter-unix-socket/src/index.ts': `export { adapter } from '@tsgi/adapter-node';`,
  'packages/adapter-inject/src/index.ts': `export { adapter } from '@tsgi/adapter-node';`,
  'packages/conformance/src/index.ts': `import 'node:net';\nexport { core } from '@tsgi/core';`,
  'packages/app-movie-quotes/src/app.ts': `export const app = 1;`,
  'packages/app-movie-quotes/tsgi.config.ts': `import '@tsgi/core';`,
  'packages/core/test/core.test.ts': `import '../src/index.ts';`,
  'examples/plain/app.ts': `import '@tsgi/adapter-node';`,
  'bench/run.ts': `import '@tsgi/app-movie-quotes';`,
  'test/some.test.ts': `import '@tsgi/core';`,
};

/** Runs the check's own command on the clean workspace with some files added or replaced. */
async function check(t: Test, changes: Record<string, string>): Promise<{ failed: boolean; output: string }> {
  const folder = t.testdir({});
  const files = { ...CLEAN, ...changes };
  await mkdir(join(folder, 'node_modules/@tsgi'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  for (const name of new Set(Object.keys(files).flatMap((path) => /^packages\/([^/]+)/.exec(path)?.[1] ?? []))) {
    const exports = { '.': { '@tsgi/source': name === 'app-movie-quotes' ? './src/app.ts' : './src/index.ts' } };
    await writeFile(join(folder, 'packages', name, 'package.json'), JSON.stringify({ name: `@tsgi/${name}`, exports }));
    await symlink(join('../../packages', name), join(folder, 'node_modules/@tsgi', name));
  }
  const script = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).scripts['check:imports'] as string;
  const [command, ...args] = script.split(' ') as [string, ...string[]];
  const config = ['--config', join(ROOT, '.dependency-cruiser.mjs')];
  const { status, stdout, stderr } = await run(join(ROOT, 'node_modules/.bin', command), [...args, ...config], folder);
  return { failed: status !== 0, output: stdout + stderr };
}

test('a workspace that keeps the rules passes', async (t) => {
  const { failed, output } = await check(t, {});
  t.notOk(failed, output);
});

/** What is wrong, the rule that says so, the file that breaks it, and what that file says. */
const BROKEN: readonly [what: string, rule: string, file: string, text: string][] = [
  ['the core imports a platform module', 'layers-core', 'packages/core/src/platform.ts', `import 'node:fs';`],
  [
    'the core imports a platform module for its types alone',
    'layers-core',
    'packages/core/src/types.ts',
    `import type { Socket } from 'node:net';\nexport type S = Socket;`,
  ],
  [
    'the core imports an adapter',
    'layers-core',
    'packages/core/src/adapter.ts',
    `export { adapter } from '@tsgi/adapter-node';`,
  ],
  [
    'an adapter imports a bridge',
    'layers-adapter-node',
    'packages/adapter-node/src/bridge.ts',
    `export { bridge } from '@tsgi/bridge-node';`,
  ],
  [
    'an adapter imports the adapter above it',
    'layers-adapter-node',
    'packages/adapter-node/src/above.ts',
    `export { adapter } from '@tsgi/adapter-unix-socket';`,
  ],
  [
    'the bridge to fetch imports a platform module',
    'layers-bridge-fetch',
    'packages/bridge-fetch/src/platform.ts',
    `import { Readable } from 'node:stream';\nexport { Readable };`,
  ],
  [
    'the bridge to node listeners imports a module outside its list',
    'layers-bridge-node',
    'packages/bridge-node/src/child.ts',
    `import 'node:child_process';`,
  ],
  [
    'two files of a package import each other',
    'no-cycle',
    'packages/core/src/one.ts',
    `import { two } from './two.ts';\nexport const one = two;`,
  ],
  [
    'a package reaches into the folder of another',
    'by-name-only',
    'packages/bridge-fetch/src/folder.ts',
    `export { core } from '../../core/src/index.ts';`,
  ],
  [
    'a test reaches into the folder of another package',
    'by-name-only',
    'packages/bridge-fetch/test/a.test.ts',
    `import '../../core/src/index.ts';`,
  ],
  [
    'a controller of Movie Quotes imports the interface',
    'app-knows-no-server',
    'packages/app-movie-quotes/src/controllers/quotes.ts',
    `export { core } from '@tsgi/core';`,
  ],
  [
    'a package imports Movie Quotes',
    'nobody-imports-the-app',
    'packages/conformance/src/app.ts',
    `export { app } from '@tsgi/app-movie-quotes';`,
  ],
  [
    'an example imports what is not published',
    'examples-use-published-names',
    'examples/plain/suite.ts',
    `import '@tsgi/conformance';`,
  ],
  [
    'a source imports a test',
    'sources-import-no-tests',
    'packages/core/src/tested.ts',
    `import '../test/core.test.ts';`,
  ],
  ['an import leads nowhere', 'resolvable', 'packages/core/src/nowhere.ts', `import './gone.ts';`],
  [
    'a source imports a package outside its list',
    'layers-adapter-inject',
    'packages/adapter-inject/src/tap.ts',
    `export { test } from 'tap';`,
  ],
  [
    'a source imports what only its tests may use',
    'sources-use-declared-dependencies',
    'packages/adapter-inject/src/tap.ts',
    `export { test } from 'tap';`,
  ],
];

test('the check fails where a rule is broken, and names the rule and the file', async (t) => {
  const { failed, output } = await check(t, {
    ...Object.fromEntries(BROKEN.map(([, , file, text]) => [file, text])),
    'packages/core/src/two.ts': `import { one } from './one.ts';\nexport const two = one;`,
    'node_modules/tap/index.js': `export const test = 1;`,
    'node_modules/tap/package.json': `{ "name": "tap", "exports": "./index.js" }`,
  });
  t.ok(failed, 'the command fails');
  const named = output.split('\n').map((line) => /error (\S+): (\S+)/.exec(line)?.slice(1).join(' '));
  for (const [what, rule, file] of BROKEN) t.ok(named.includes(`${rule} ${file}`), what);
  if (!t.passing()) t.comment(output);
});
