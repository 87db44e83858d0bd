// What a user's project does with the packages once they are installed: one application by each bridge, served by each
// adapter. It is run as it is here, with its types stripped, and compiled under strict settings.

import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from '@tsgi/adapter-inject';
import { listen as listenOnTcp, toNodeListener } from '@tsgi/adapter-node';
import { listen as listenOnSocket } from '@tsgi/adapter-unix-socket';
import { fromFetch, toFetch } from '@tsgi/bridge-fetch';
import { fromFastify, fromNodeListener } from '@tsgi/bridge-node';
import { type Application, lint, mount, printBind } from '@tsgi/core';
import Fastify from 'fastify';

const app = Fastify();
app.get('/', async () => 'fastify');

const plain: Application = {
  handle: () => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: 'plain' }),
};

const application = lint(
  mount({
    '/fastify': fromFastify(app),
    '/fetch': fromFetch(() => new Response('fetch')),
    '/listener': fromNodeListener((_req, res) => res.end('listener')),
    '/back': fromNodeListener(toNodeListener(plain)),
    '/round': fromFetch(toFetch(plain)),
  }),
);

const seen: string[] = [];

const tcp = await listenOnTcp(plain, '127.0.0.1:0');
seen.push(await (await fetch(`http://${printBind(tcp.address)}/`)).text());
await tcp.drain();

const socketPath = join(tmpdir(), `tsgi-${process.pid}.sock`);
const unix = await listenOnSocket(plain, `unix:${socketPath}`);
seen.push(
  await new Promise<string>((done, fail) => {
    httpRequest({ socketPath, path: '/' }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      done(text);
    })
      .on('error', fail)
      .end();
  }),
);
await unix.drain();

const injected = await inject(application);
for (const path of ['/fastify/', '/fetch/', '/listener/', '/back/', '/round/']) {
  seen.push((await injected.request(path)).payload);
}
await injected.close();

console.log(seen.join(' '));
