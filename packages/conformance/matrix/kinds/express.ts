// The routes as an Express application.

import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { fromExpress } from '@tsgi/bridge-node';
import { breaking, events, type Kind, long, pieces, type Source, steps } from '@tsgi/conformance';
import express from 'express';
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

const DESTROYS = 'Express destroys the connection of a handler that fails behind its answer';

export const expressKind: Kind = {
  name: 'express',
  lacks: { interface: NOT_THE_INTERFACE, throwing: OWN_ERRORS, after: DESTROYS, twice: DESTROYS },
  make(witness) {
    const app = express();
    // In any other one it writes errors to the console.
    app.set('env', 'test');
    app.disable('x-powered-by');
    app.get('/hello', (_req, res) => void res.type('text/plain').send('Hello World!\n'));
    app.get('/text', (_req, res) => void res.type('text/plain').send('Grüße, 世界'));
    app.post('/echo', (req, res) => {
      res.type('application/octet-stream');
      pipeline(req, res, ignore);
    });
    app.all('/count', async (req, res) => void res.type('text/plain').send(await count(req, witness)));
    app.post('/ignore', (_req, res) => void res.status(202).type('text/plain').send('ignored'));
    app.get('/seen', (req, res) => {
      const { method, originalUrl: url, host, protocol, ip = '' } = req;
      const { id } = req as unknown as { id: string };
      res.json({ method, url, host, protocol, ip, id });
    });
    app.get('/empty', (_req, res) => void res.status(204).end());
    app.get('/unchanged', (_req, res) => void res.status(304).set('ETag', '"v1"').end());
    app.get('/fields', (_req, res) => {
      for (const [name, value] of FIELDS) res.set(name, value as string | string[]);
      res.end();
    });
    app.get('/hop', (_req, res) => {
      for (const [name, value] of HOP) res.set(name, value);
      res.type('text/plain').send('hop');
    });
    app.get('/steps', (_req, res) => stream(res, steps(witness)));
    app.get('/stream', (_req, res) => stream(res, long(witness)));
    app.get('/events', (_req, res) => stream(res.type('text/event-stream'), events(witness)));
    app.get('/gate', async (_req, res) => {
      await gate(res, witness);
      res.send('open');
    });
    app.get('/late', async (_req, res) => {
      witness.tell('waiting');
      await witness.gate('late');
      stream(res, long(witness));
    });
    app.get('/later', (_req, res) => {
      witness.context.waitUntil(witness.gate('later'));
      res.send('later');
    });
    app.get('/throw', () => {
      throw new Error(SECRET);
    });
    app.get('/reject', async () => {
      await null;
      throw new Error(SECRET);
    });
    app.get('/break', (_req, res) => stream(res, breaking(witness)));
    app.get('/short', (_req, res) => stream(res.set('Content-Length', '100'), pieces('0123456789')));
    app.get('/long', (_req, res) =>
      stream(res.set('Content-Length', '5'), pieces('0123456789', '0123456789012345678901234567890123456789')),
    );
    app.get('/split', (_req, res) => void res.set(...SPLIT).send('split'));
    app.get('/hints', (_req, res) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      res.send('hints');
    });
    app.get('/trailers', (_req, res) => {
      res.set('Trailer', 'X-Checksum');
      res.write('bo');
      res.write('dy');
      res.addTrailers({ 'X-Checksum': '1234' });
      res.end();
    });
    return fromExpress(app, { upgrade: echoWebSockets(witness) });
  },
};

function stream(res: ServerResponse, source: Source): void {
  pipeline(readable(source), res, ignore);
}

function ignore(): void {}
