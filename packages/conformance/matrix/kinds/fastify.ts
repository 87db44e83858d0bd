// The routes as a Fastify application.

import websocket from '@fastify/websocket';
import { fromFastify } from '@tsgi/bridge-node';
import { breaking, events, type Kind, long, pieces, steps } from '@tsgi/conformance';
import fastify from 'fastify';
import { count, FIELDS, gate, HOP, NOT_THE_INTERFACE, OWN_ERRORS, readable, SECRET, SPLIT } from './node.ts';

export const fastifyKind: Kind = {
  name: 'fastify',
  lacks: { interface: NOT_THE_INTERFACE, throwing: OWN_ERRORS },
  async make(witness) {
    const app = fastify({ logger: false });
    await app.register(websocket);
    // Every body is a stream, as in an application for uploads.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

    app.get('/hello', (_request, reply) => reply.type('text/plain').send('Hello World!\n'));
    app.get('/text', (_request, reply) => reply.type('text/plain; charset=utf-8').send('Grüße, 世界'));
    app.post('/echo', (request, reply) => reply.type('application/octet-stream').send(request.raw));
    app.route({
      method: ['GET', 'POST', 'DELETE'],
      url: '/count',
      handler: async (request, reply) => reply.type('text/plain').send(await count(request.raw, witness)),
    });
    app.post('/ignore', (_request, reply) => reply.code(202).type('text/plain').send('ignored'));
    app.get('/seen', async ({ method, originalUrl: url, host, protocol, ip = '', id }) => {
      return { method, url, host, protocol, ip, id };
    });
    app.get('/empty', (_request, reply) => reply.code(204).send());
    app.get('/unchanged', (_request, reply) => reply.code(304).header('ETag', '"v1"').send());
    app.get('/fields', (_request, reply) => {
      // Fastify keeps names in lower case; what is set below it keeps its spelling.
      for (const [name, value] of FIELDS) reply.raw.setHeader(name, value);
      return reply.send();
    });
    app.get('/hop', (_request, reply) => {
      for (const [name, value] of HOP) reply.header(name, value);
      return reply.type('text/plain').send('hop');
    });
    app.get('/steps', (_request, reply) => reply.type('text/plain').send(readable(steps(witness))));
    app.get('/stream', (_request, reply) => reply.type('text/plain').send(readable(long(witness))));
    app.get('/events', (_request, reply) => reply.type('text/event-stream').send(readable(events(witness))));
    app.get('/gate', async (_request, reply) => {
      await gate(reply.raw, witness);
      return 'open';
    });
    app.get('/late', async (_request, reply) => {
      witness.tell('waiting');
      await witness.gate('late');
      return reply.type('text/plain').send(readable(long(witness)));
    });
    app.get('/later', (_request, reply) => {
      witness.context.waitUntil(witness.gate('later'));
      return reply.send('later');
    });
    app.get('/throw', () => {
      throw new Error(SECRET);
    });
    app.get('/reject', async () => {
      await null;
      throw new Error(SECRET);
    });
    app.get('/break', (_request, reply) => reply.type('text/plain').send(readable(breaking(witness))));
    app.get('/after', (_request, reply) => {
      reply.send('done');
      throw new Error(SECRET);
    });
    app.get('/twice', (_request, reply) => {
      reply.send('first');
      reply.send('second');
    });
    app.get('/short', (_request, reply) => reply.header('Content-Length', '100').send(readable(pieces('0123456789'))));
    app.get('/long', (_request, reply) =>
      reply
        .header('Content-Length', '5')
        .send(readable(pieces('0123456789', '0123456789012345678901234567890123456789'))),
    );
    app.get('/split', (_request, reply) => reply.header(...SPLIT).send('split'));
    app.get('/hints', (_request, reply) => {
      reply.writeEarlyHints({ link: '</style.css>; rel=preload' });
      return reply.send('hints');
    });
    app.get('/trailers', (_request, reply) => {
      reply.trailer('X-Checksum', (_reply, _payload, done) => done(null, '1234'));
      return reply.send(readable(pieces('bo', 'dy')));
    });
    app.get('/ws', { websocket: true }, (socket) => {
      socket.on('message', (data, binary) => socket.send(data, { binary }));
      socket.on('error', () => {});
      socket.on('close', () => witness.tell('socket closed'));
    });
    return fromFastify(app);
  },
};
