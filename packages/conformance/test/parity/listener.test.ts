// A plain (req, res) listener: its req and res say the same things in the same cases as those of http.createServer.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough, pipeline, Readable } from 'node:stream';
import t from 'tap';
import { whenRead } from './exchange.ts';
import { bothListener } from './listener.ts';

const CUT = 'the response was cut: its body failed after the head was sent';

interface Case {
  /** What the client sends; it leaves when the listener has run where `leaves` says so. */
  readonly body?: string;
  readonly length?: number;
  readonly leaves?: true;
  readonly run: (req: IncomingMessage, res: ServerResponse) => void;
}

const CASES: Readonly<Record<string, Case>> = {
  'an answer at once': { run: (_req, res) => res.end('text') },
  'an answer in pieces': {
    run: (_req, res) => {
      res.write('one');
      setImmediate(() => res.end('two'));
    },
  },
  'a body that is read': {
    body: 'abc',
    run: (req, res) => {
      req.resume();
      req.on('end', () => res.end('read'));
    },
  },
  'a piped body': { body: 'abc', run: (req, res) => req.pipe(res) },
  'res.destroy() before the head': { run: (_req, res) => res.destroy() },
  'res.destroy(error) before the head': { run: (_req, res) => res.destroy(new Error('gone')) },
  'res.destroy(error) within a piped body': {
    run: (_req, res) => {
      const body = new PassThrough();
      body.pipe(res);
      body.write('half');
      setImmediate(() => res.destroy(new Error('gone')));
    },
  },
  'a pipeline whose source fails': {
    run: (_req, res) => {
      const body = new PassThrough();
      pipeline(body, res, () => {});
      body.write('half');
      setImmediate(() => body.destroy(new Error('gone')));
    },
  },
  'req.destroy()': { run: (req) => void req.destroy() },
  'req.destroy() within the body': { body: 'abc', length: 9, run: (req) => void req.on('data', () => req.destroy()) },
  'a loop over the body that is left': {
    body: 'abc',
    length: 9,
    run: async (req, res) => {
      for await (const _ of req) break;
      res.end('left');
    },
  },
  'req.socket.destroy()': { run: (req) => void req.socket.destroy() },
  'a client that leaves before the head': { leaves: true, run: () => {} },
  'a client that leaves within the answer': { leaves: true, run: (_req, res) => void res.write('half') },
  'a client that leaves within its body': { body: 'abc', length: 9, leaves: true, run: (req) => void req.resume() },
  'a client that leaves a stream': { leaves: true, run: (_req, res) => void Readable.from(endless()).pipe(res) },
};

async function* endless(): AsyncGenerator<string> {
  for (;;) {
    yield 'more ';
    await new Promise(setImmediate);
  }
}

for (const [name, { body = '', length = body.length, leaves, run }] of Object.entries(CASES)) {
  t.test(`events: ${name}`, async (t) => {
    const heard: Record<'native' | 'ours', string[]> = { native: [], ours: [] };
    const closed: Promise<unknown>[] = [];
    const clients = new Map<string, Socket>();
    const servers = await bothListener(t, (side) => (req, res) => {
      const note = (what: string): void => void heard[side].push(what);
      req.on('aborted', () => note('req aborted'));
      req.on('error', (error) => note(`req error ${error.message}`));
      req.on('close', () => note(`req close aborted=${req.aborted} destroyed=${req.destroyed}`));
      res.on('error', (error) => note(`res error ${error.message}`));
      res.on('finish', () => note(`res finish destroyed=${res.destroyed}`));
      res.on('close', () => note(`res close destroyed=${res.destroyed} finished=${res.writableFinished}`));
      closed.push(
        new Promise((resolve) => req.on('close', resolve)),
        new Promise((resolve) => res.on('close', resolve)),
      );
      run(req, res);
      // Behind what the listener has written.
      if (leaves) setImmediate(() => clients.get(side)?.destroy());
    });
    for (const side of ['native', 'ours'] as const) {
      const client = connect(servers[side], '127.0.0.1');
      clients.set(side, client);
      client.on('error', () => {});
      client.resume();
      client.write(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n${body}`);
      await new Promise((resolve) => client.on('close', resolve));
      await Promise.all(closed);
    }
    t.strictSame(heard.ours.toSorted(), heard.native.toSorted());
  });
}

t.test('a connection that a listener cuts ends without a reply, or within it', async (t) => {
  const { same } = await bothListener(t, () => (req, res) => {
    if (req.url === '/res') res.destroy();
    if (req.url === '/req') req.destroy();
    if (req.url === '/socket') req.socket.destroy();
    if (req.url === '/half') {
      res.writeHead(200, { 'Content-Length': 9 });
      res.write('half', () => whenRead(() => void res.destroy()));
    }
  });
  for (const path of ['/res', '/req', '/socket', '/half']) await same(t, { path }, { errors: [CUT] });
});
