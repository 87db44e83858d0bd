// The pages about the server are followed from top to bottom, with a real server: every `sh run` and `sh server` of them.

import { test } from 'tap';
import { blocks, pages } from './markdown.ts';
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
