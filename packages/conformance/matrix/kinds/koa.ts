// The routes as a Koa application, with the smallest router there is.

import { pipeline } from 'node:stream/promises';
import { fromKoa } from '@tsgi/bridge-node';
import { breaking, events, type Kind, long, pieces, steps, type Witness } from '@tsgi/conformance';
import Koa, { type Context } from 'koa';
import {
  count,
  echoWebSockets,
  FIELDS,
  gate,
  HOP,
  NOT_THE_INTERFACE,
  OWN_ERRORS,
  readable,
  SECRET,
  SPLIT,
} from './node.ts';

export const koa: Kind = {
  name: 'koa',
  lacks: { interface: NOT_THE_INTERFACE, throwing: OWN_ERRORS },
  make(witness) {
    const app = new Koa();
    // Otherwise it writes errors to the console.
    app.silent = true;
    app.use((ctx) => handle(ctx, witness));
    return fromKoa(app, { upgrade: echoWebSockets(witness) });
  },
};

async function handle(ctx: Context, witness: Witness): Promise<unknown> {
  const { req, res } = ctx;
  switch (ctx.path) {
    case '/hello':
      ctx.type = 'text/plain';
      ctx.body = 'Hello World!\n';
      return;
    case '/text':
      ctx.type = 'text/plain';
      ctx.body = 'Grüße, 世界';
      return;
    case '/echo':
      ctx.type = 'application/octet-stream';
      ctx.body = req;
      return;
    case '/count':
      ctx.body = await count(req, witness);
      return;
    case '/ignore':
      ctx.status = 202;
      ctx.body = 'ignored';
      return;
    case '/seen': {
      // Koa has no mounts, and its originalUrl is node:http's url.
      const { originalUrl: url, id } = req as typeof req & { originalUrl: string; id: string };
      ctx.body = { method: ctx.method, url, host: ctx.host, protocol: ctx.protocol, ip: ctx.ip, id };
      return;
    }
    case '/empty':
      ctx.status = 204;
      return;
    case '/unchanged':
      ctx.status = 304;
      ctx.etag = 'v1';
      return;
    case '/fields':
      for (const [name, value] of FIELDS) ctx.set(name, value as string | string[]);
      ctx.body = '';
      return;
    case '/hop':
      for (const [name, value] of HOP) ctx.set(name, value);
      ctx.body = 'hop';
      return;
    case '/steps':
      ctx.body = readable(steps(witness));
      return;
    case '/stream':
      ctx.body = readable(long(witness));
      return;
    case '/events':
      ctx.type = 'text/event-stream';
      ctx.body = readable(events(witness));
      return;
    case '/gate':
      await gate(res, witness);
      ctx.body = 'open';
      return;
    case '/late':
      witness.tell('waiting');
      await witness.gate('late');
      ctx.body = readable(long(witness));
      return;
    case '/later':
      witness.context.waitUntil(witness.gate('later'));
      ctx.body = 'later';
      return;
    case '/throw':
      throw new Error(SECRET);
    case '/reject':
      await null;
      throw new Error(SECRET);
    case '/break':
      // As `ctx.body` it would leave the client waiting: Koa only reports a stream that fails behind the head.
      ctx.respond = false;
      ctx.status = 200;
      await pipeline(readable(breaking(witness)), res);
      return;
    case '/after':
      ctx.respond = false;
      ctx.status = 200;
      res.end('done');
      throw new Error(SECRET);
    case '/twice':
      ctx.respond = false;
      ctx.status = 200;
      res.end('first');
      res.end('second');
      return;
    case '/short':
      ctx.body = readable(pieces('0123456789'));
      ctx.length = 100;
      return;
    case '/long':
      ctx.body = readable(pieces('0123456789', '0123456789012345678901234567890123456789'));
      ctx.length = 5;
      return;
    case '/split':
      ctx.set(...SPLIT);
      ctx.body = 'split';
      return;
    case '/hints':
      res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      ctx.body = 'hints';
      return;
    case '/trailers':
      ctx.respond = false;
      ctx.status = 200;
      res.setHeader('Trailer', 'X-Checksum');
      res.write('bo');
      res.write('dy');
      res.addTrailers({ 'X-Checksum': '1234' });
      res.end();
      return;
  }
}
