// The routes as a bare (req, res) listener.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { fromNodeListener } from '@tsgi/bridge-node';
import { breaking, events, type Kind, long, pieces, type Source, steps, type Witness } from '@tsgi/conformance';
import { count, echoWebSockets, FIELDS, gate, HOP, NOT_THE_INTERFACE, readable, SECRET, SPLIT } from './node.ts';

export const listener: Kind = {
  name: 'listener',
  lacks: { interface: NOT_THE_INTERFACE },
  make(witness) {
    return fromNodeListener((req, res) => handle(req, res, witness), { upgrade: echoWebSockets(witness) });
  },
};

function handle(req: IncomingMessage, res: ServerResponse, witness: Witness): unknown {
  switch ((req.url as string).replace(/\?.*/, '')) {
    case '/hello':
      return send(res, 'Hello World!\n');
    case '/text':
      res.setHeader('Content-Type', 'text/plain; charset=utf-8');
      return res.end('Grüße, 世界');
    case '/echo':
      res.setHeader('Content-Type', 'application/octet-stream');
      return pipeline(req, res);
    case '/count':
      return count(req, witness).then(
        (bytes) => send(res, bytes),
        (error: { statusCode?: number }) => {
          res.statusCode = error.statusCode ?? 400;
          res.end();
        },
      );
    case '/ignore':
      res.statusCode = 202;
      return send(res, 'ignored');
    case '/seen':
      return seen(req, res);
    case '/empty':
      res.statusCode = 204;
      return res.end();
    case '/unchanged':
      res.statusCode = 304;
      res.setHeader('ETag', '"v1"');
      return res.end();
    case '/fields':
      for (const [name, value] of FIELDS) res.setHeader(name, value);
      return res.end();
    case '/hop':
      for (const [name, value] of HOP) res.setHeader(name, value);
      return send(res, 'hop');
    case '/steps':
      return stream(res, steps(witness));
    case '/stream':
      return stream(res, long(witness));
    case '/events':
      res.setHeader('Content-Type', 'text/event-stream');
      return pipeline(readable(events(witness)), res);
    case '/gate':
      return gate(res, witness).then(() => send(res, 'open'));
    case '/late':
      witness.tell('waiting');
      return witness.gate('late').then(() => stream(res, long(witness)));
    case '/later':
      witness.context.waitUntil(witness.gate('later'));
      return send(res, 'later');
    case '/throw':
      throw new Error(SECRET);
    case '/reject':
      return Promise.resolve().then(() => Promise.reject(new Error(SECRET)));
    case '/break':
      return stream(res, breaking(witness));
    case '/after':
      send(res, 'done');
      throw new Error(SECRET);
    case '/twice':
      send(res, 'first');
      return res.end('second');
    case '/short':
      res.setHeader('Content-Length', '100');
      return stream(res, pieces('0123456789'));
    case '/long':
      res.setHeader('Content-Length', '5');
      return stream(res, pieces('0123456789', '0123456789012345678901234567890123456789'));
    case '/split':
      res.setHeader(...SPLIT);
      return send(res, 'split');
    case '/hints':
      res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      return send(res, 'hints');
    case '/trailers':
      res.setHeader('Trailer', 'X-Checksum');
      res.write('bo');
      res.write('dy');
      res.addTrailers({ 'X-Checksum': '1234' });
      return res.end();
    default:
      res.statusCode = 404;
      return res.end();
  }
}

function send(res: ServerResponse, body: string): unknown {
  res.setHeader('Content-Type', 'text/plain');
  return res.end(body);
}

/** A client that leaves ends the stream, and is no error of the handler. */
async function stream(res: ServerResponse, source: Source): Promise<void> {
  await pipeline(readable(source), res).catch((error: Error & { code?: string }) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
}

function seen(req: IncomingMessage, res: ServerResponse): unknown {
  const {
    method,
    originalUrl: url,
    id,
    headers,
    socket,
  } = req as IncomingMessage & { originalUrl: string; id: string };
  const protocol = 'encrypted' in socket && socket.encrypted ? 'https' : 'http';
  res.setHeader('Content-Type', 'application/json');
  return res.end(JSON.stringify({ method, url, id, host: headers.host, protocol, ip: socket.remoteAddress ?? '' }));
}
