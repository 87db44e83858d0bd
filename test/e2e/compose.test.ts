// compose.yaml with a real Docker engine.

import t from 'tap';
import { noCompose, Stack } from './compose.ts';

t.test('docker compose up serves the site behind Nginx', { skip: noCompose() }, async (t) => {
  const stack = await Stack.up(t);
  const url = await stack.url();
  const quote = await fetch(`${url}/api/v1/quotes/random`);
  t.equal(quote.status, 200);
  t.match(await quote.json(), { film: /./, content: /./ });
  for (const cache of ['MISS', 'HIT']) t.equal((await fetch(`${url}/cache-me`)).headers.get('x-cache-status'), cache);
});
