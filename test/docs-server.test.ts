// The pages about the server are followed from top to bottom, with a real server: every `sh run` and `sh server` of them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { run } from './command.ts';
import { blocks, pages, ROOT } from './markdown.ts';
import { walk } from './walk.ts';

const walks = pages()
  .map((page) => ({ page, steps: blocks(page) }))
  .filter(({ steps }) => steps.some(({ tags }) => tags.includes('run') || tags.includes('server')));

test('who follows a page finds what it says', async (t) => {
  t.ok(walks.length > 0);
  t.jobs = 2;
  for (const { page, steps } of walks) {
    t.test(page, { buffered: true }, async (t) => {
      for await (const { block, problem } of walk(steps)) t.equal(problem, '', `${page}:${block.line}`);
    });
  }
});

const CLI = ['NODE_OPTIONS=--conditions=@tsgi/source', join(ROOT, 'test/node_modules/.bin/tsgi')] as const;

test('what a page names as an equivalent of ours exists', async (t) => {
  const flags = (await run('env', [...CLI, 'serve', '--help'], ROOT)).stdout;
  const commands = (await run('env', [...CLI, '--help'], ROOT)).stdout;
  for (const line of readFileSync(join(ROOT, 'docs/coming-from.md'), 'utf8').split('\n')) {
    // What is ours stands in the column behind theirs.
    const [, , ours = ''] = line.startsWith('|') ? line.split('|') : [];
    for (const [, flag = ''] of ours.matchAll(/`(--[a-z-]+)/g)) {
      if (flag !== '--json') t.match(flags, new RegExp(`^ .*${flag} `, 'm'), flag);
    }
    for (const [, command = ''] of ours.matchAll(/`tsgi ([a-z]+)/g)) {
      t.match(commands, new RegExp(`^  ${command} `, 'm'), command);
    }
  }
});
