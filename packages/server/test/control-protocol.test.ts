// The control socket as a program meets it that speaks the protocol, or something else.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type Test, test } from 'tap';
import { APP, controlPath, type Place, placeFor } from './fixtures/place.ts';
import { addressOf, type Served } from './fixtures/served.ts';

type Reply = Readonly<Record<string, unknown>> & {
  readonly error?: { readonly code: string; readonly message: string };
  readonly progress?: { readonly step: string; readonly worker: number };
};

/** Sends `text`, says that this was all, and resolves to every line that comes until the other side ends. */
async function say(path: string, text: string | Buffer): Promise<Reply[]> {
  const socket = connect({ path, allowHalfOpen: true });
  // Who is refused in the midst of a long text cannot send its rest.
  socket.on('error', () => {});
  socket.end(text);
  const replies: Reply[] = [];
  for await (const line of createInterface({ input: socket })) replies.push(JSON.parse(line));
  return replies;
}

const ask = async (path: string, command: string, more: object = {}): Promise<Reply> =>
  (await say(path, `${JSON.stringify({ v: 1, id: 1, command, ...more })}\n`)).at(-1) as Reply;

async function serve(t: Test, ...args: string[]): Promise<{ place: Place; served: Served; path: string }> {
  const place = placeFor(t);
  const served = place.serve(...args);
  await addressOf(served);
  return { place, served, path: await controlPath(served) };
}

test('a command is a line, and so is its answer, with the id that it was given', async (t) => {
  const { served, path } = await serve(t);
  const [status, ...none] = await say(path, '{"v":1,"id":"mine","command":"status"}\n');
  t.match(status, { v: 1, id: 'mine', ok: true, result: { version: 1, pid: served.child.pid, state: 'serving' } });
  t.strictSame(none, []);
  const two = await say(path, '{"v":1,"id":1,"command":"status"}\r\n{"v":1,"id":2,"command":"reopen"}\n');
  t.strictSame(two.map(({ id }) => id).sort(), [1, 2]);
  t.strictSame(await ask(path, 'reopen'), { v: 1, id: 1, ok: true, result: {} });
});

test('long commands tell each worker on the way, also to whoever has said all', async (t) => {
  const { path } = await serve(t, '--reload-watch', '100ms');
  const replies = await say(path, '{"v":1,"id":7,"command":"scale","arguments":{"workers":2}}\n');
  t.ok(replies.every(({ v, id }) => v === 1 && id === 7));
  t.strictSame(
    replies.slice(0, -1).map(({ progress }) => `${progress?.worker} ${progress?.step}`),
    ['2 starts', '2 started', '2 accepting'],
  );
  t.strictSame(replies.at(-1), { v: 1, id: 7, ok: true, result: { accepting: 2, draining: 0 } });
});

test('what is no command gets an error that says what is, and nothing else happens', async (t) => {
  const { place, served, path } = await serve(t);
  const wrong: [string | Buffer, string, RegExp][] = [
    ['GET / HTTP/1.1\r\nHost: here\r\n\r\n', 'bad_request', /^a line is a JSON object such as \{"v":1,/],
    ['\n', 'bad_request', /JSON object/],
    ['[]\n', 'bad_request', /JSON object/],
    ['null\n', 'bad_request', /JSON object/],
    ['{"v":1,"command":"stop"}\n', 'bad_request', /"id":1/],
    ['{"v":1,"id":{},"command":"stop"}\n', 'bad_request', /"id":1/],
    [Buffer.from([0, 255, 254, 10, 10]), 'bad_request', /JSON object/],
    ['{"v":2,"id":1,"command":"stop"}\n', 'unsupported_version', /^known is version 1 /],
    ['{"id":1,"command":"stop"}\n', 'unsupported_version', /version 1/],
    ['{"v":1,"id":1,"command":"explode"}\n', 'unknown_command', /status, reload, scale, stop, reopen, kill$/],
    ['{"v":1,"id":1,"command":"__proto__"}\n', 'unknown_command', /status/],
    ['{"v":1,"id":1,"command":"scale"}\n', 'bad_arguments', /^scale: workers takes a whole number from 1 to 1024$/],
    ['{"v":1,"id":1,"command":"scale","arguments":{"workers":1e9}}\n', 'bad_arguments', /1024$/],
    [
      '{"v":1,"id":1,"command":"stop","arguments":{"fast":"no"}}\n',
      'bad_arguments',
      /^stop: fast takes true or false$/,
    ],
    ['{"v":1,"id":1,"command":"stop","arguments":{"now":true}}\n', 'bad_arguments', /^stop: it takes fast$/],
    ['{"v":1,"id":1,"command":"reload","arguments":[]}\n', 'bad_arguments', /arguments are an object/],
    ['{"v":1,"id":1,"command":"kill","arguments":{"worker":9}}\n', 'no_such_worker', /the workers are: 1$/],
    [`{"v":1,"id":1,"command":"${'x'.repeat(70_000)}"}\n`, 'too_long', /65536 bytes/],
    ['x'.repeat(200_000), 'too_long', /65536 bytes/],
  ];
  for (const [text, code, message] of wrong) {
    const replies = await say(path, text);
    t.equal(replies.length, 1, `${text.toString().slice(0, 60)}`);
    t.equal(replies[0]?.ok, false);
    t.equal(replies[0]?.error?.code, code);
    t.match(replies[0]?.error?.message, message);
  }
  // A message that never came whole.
  t.strictSame(await say(path, '{"v":1,"id":1,"command":"stop"}'), []);
  t.strictSame(await say(path, ''), []);
  t.match((await place.tsgi('status')).stdout, /^tsgi: serving, generation 1, 1 of 1 worker accepts/);
  t.notOk(
    served.lines.some(({ level }) => Number(level) >= 40),
    'none of it is worth a line in the log',
  );
  t.equal(served.errors(), '');
});

test('more connections than a few are refused until one of them leaves', async (t) => {
  const { path } = await serve(t);
  const idle: Socket[] = [];
  t.teardown(() => idle.forEach((socket) => void socket.destroy()));
  for (let i = 0; i < 16; i++) {
    const socket = connect({ path });
    idle.push(socket);
    // Answered, so it is known to be one of those that are counted.
    socket.write('{"v":1,"id":1,"command":"status"}\n');
    await once(socket, 'data');
  }
  const refused = await ask(path, 'status');
  t.match(refused, { v: 1, id: null, ok: false, error: { code: 'too_many_connections', message: /16/ } });
  idle[0]?.destroy();
  // The other side sees it a moment later.
  let reply: Reply;
  do reply = await ask(path, 'status');
  while (reply.error?.code === 'too_many_connections');
  t.equal(reply.ok, true);
});

test('a client that floods and never reads is held up, and costs neither memory nor the others an answer', async (t) => {
  const { place, served, path } = await serve(t);
  const memory = (): number =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${served.child.pid}/status`, 'utf8'))?.[1]) / 1024;
  const before = memory();
  const line = '{"v":1,"id":1,"command":"status"}\n';
  const flood = line.repeat(100_000);
  const silent = connect({ path });
  const half = connect({ path });
  t.teardown(() => [silent, half].forEach((socket) => void socket.destroy()));
  silent.write(flood);
  half.write(line.slice(0, 10));
  t.equal((await say(path, line.repeat(2000))).length, 2000, 'who reads gets every answer');
  t.equal((await place.tsgi('status')).status, 0);
  t.ok(silent.writableLength > 0, 'most of the flood has not even been read');
  t.ok(memory() - before < 64, `${memory() - before} MB more`);
});

test('a client that goes away in the midst of a command changes nothing about it', async (t) => {
  const { place, served, path } = await serve(t, '--reload-watch', '300ms');
  const socket = connect({ path });
  socket.write('{"v":1,"id":1,"command":"reload"}\n');
  await once(socket, 'data');
  socket.destroy();
  await served.until(({ msg }) => msg === 'reloaded');
  t.match((await place.tsgi('status')).stdout, /generation 2/);
  place.write('app.mjs', APP);
  t.equal((await ask(path, 'reload')).ok, true);
});
