// Code in the docs is code: every block is run, or, where it is a command, what it names is looked for.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { run, start } from './command.ts';
import { type Block, blocks, links, pages, ROOT } from './markdown.ts';
import { checkCommands } from './shell.ts';

const all = pages().flatMap(blocks);
const modules = all.filter((block) => /^(js|javascript|ts|typescript)$/.test(block.language) && !block.listing);

/** The file that a block is run as. */
function fileName(block: Block): string {
  return `${block.page.replaceAll('/', '-')}-line-${block.line}.${block.language.startsWith('j') ? 'js' : 'ts'}`;
}

/** How a run ended: its exit status, or what was wrong with it. */
async function runModule(file: string): Promise<{ status: number | null; output: string; left: boolean }> {
  // Short, because a block may bind a socket in the folder for temporary files.
  const folder = await mkdtemp(join(tmpdir(), 'docs-'));
  try {
    return await new Promise((done) => {
      let output = '';
      // A process group of its own, so that whatever is left of it can be seen, and ended.
      const child = start(process.execPath, ['--conditions=@tsgi/source', file], {
        cwd: folder,
        env: { ...process.env, TMPDIR: folder },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      const bound = setTimeout(() => {
        output += '\nIt did not end within 20 seconds.';
        endGroup(child.pid as number);
      }, 20_000);
      child.stdout?.on('data', (chunk) => (output += chunk));
      child.stderr?.on('data', (chunk) => (output += chunk));
      child.on('exit', (status) => {
        const left = endGroup(child.pid as number);
        child.on('close', () => {
          clearTimeout(bound);
          done({ status, output, left });
        });
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ends a process group; false if nobody was left in it. */
function endGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 'SIGKILL');
  } catch {
    return false;
  }
}

test('every block of JavaScript and TypeScript runs, ends by itself and leaves nothing running', async (t) => {
  t.ok(modules.length > 0);
  // Below this folder, so that the packages that this package.json names are found.
  const folder = t.testdir(Object.fromEntries(modules.map((block) => [fileName(block), block.code])));
  t.jobs = 2;
  for (const block of modules) {
    t.test(`${block.page}:${block.line}`, { buffered: true }, async (t) => {
      const { status, output, left } = await runModule(join(folder, fileName(block)));
      t.equal(status, 0, output);
      t.notOk(left, 'a process that the block started is still running');
    });
  }
});

test('every block of TypeScript passes the type check', async (t) => {
  const typed = modules.filter((block) => fileName(block).endsWith('.ts'));
  const folder = t.testdir(Object.fromEntries(typed.map((block) => [fileName(block), block.code])));
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.test.json'),
      compilerOptions: { moduleDetection: 'force' },
      include: ['*.ts'],
      exclude: [],
      references: [],
    }),
  );
  const { stdout, stderr } = await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder], folder);
  t.equal(stdout + stderr, '');
});

// Those of `sh run` and `sh server` are run by docs-server.test.ts.
const named = all.filter(({ language, listing }) => /^(sh|shell|bash)$/.test(language) && !listing);
for (const block of named.filter(({ tags }) => !tags.includes('run') && !tags.includes('server'))) {
  test(`${block.page}:${block.line}: what the commands name exists`, async (t) => {
    t.strictSame(checkCommands(block), []);
  });
}

for (const block of all.filter(({ language, listing }) => language === 'json' && !listing)) {
  test(`${block.page}:${block.line}: the JSON can be read`, async (t) => {
    t.doesNotThrow(() => JSON.parse(block.code));
  });
}

test('every link to a file leads to one', async (t) => {
  for (const page of pages()) {
    for (const { line, path } of links(page)) t.ok(existsSync(join(ROOT, path)), `${page}:${line} ${path}`);
  }
});
