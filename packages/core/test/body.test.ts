// Bodies that nobody sends: nothing stays open behind them.

import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import t from 'tap';
import { discardBody } from '../src/body.ts';

t.test('null, strings and bytes need nothing', async (t) => {
  await t.resolves(discardBody(null));
  await t.resolves(discardBody('text'));
  await t.resolves(discardBody(new Uint8Array(3)));
});

t.test('the iterator of a body is returned', async (t) => {
  let returned = 0;
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false as const, value: new Uint8Array(1) }),
      return: async () => {
        returned++;
        return { done: true as const, value: undefined };
      },
    }),
  };
  await discardBody(body);
  t.equal(returned, 1);
});

t.test('an iterator without return is left alone', async (t) => {
  const body = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true as const, value: undefined }) }) };
  await t.resolves(discardBody(body));
});

t.test('what the iterator throws is passed on', async (t) => {
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: true as const, value: undefined }),
      return: () => Promise.reject(new Error('cannot close')),
    }),
  };
  await t.rejects(discardBody(body), { message: 'cannot close' });
});

t.test('a Node stream that was never read is destroyed, and its file closed', async (t) => {
  const file = await open(new URL(import.meta.url));
  const stream = file.createReadStream();
  const closed = new Promise((resolve) => stream.once('close', resolve));
  await discardBody(stream);
  await closed;
  t.equal(file.fd, -1);
});

t.test('a web stream is cancelled', async (t) => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    cancel() {
      cancelled = true;
    },
  });
  await discardBody(stream);
  t.ok(cancelled);
});

t.test('the iterator of a Node stream alone would not close it', async (t) => {
  // The reason for destroy(): should this ever fail, discardBody can be simpler.
  const stream = new Readable({ read() {} });
  t.teardown(() => stream.destroy());
  await stream[Symbol.asyncIterator]().return?.();
  t.notOk(stream.destroyed);
});
