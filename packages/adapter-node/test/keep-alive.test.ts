import { once } from 'node:events';
import http from 'node:http';
import t from 'tap';
import type { NodeListening } from '../src/index.ts';
import { serve } from './fixtures/serve.ts';

const ok = () => ({ status: 200, headers: [], body: 'ok' });

/** Asks `count` times on one connection, as long as it is kept, and returns what each answer said of the connection. */
async function ask(url: string, count: number): Promise<(string | undefined)[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const said: (string | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    const [reply] = (await once(http.get(url, { agent }), 'response')) as [http.IncomingMessage];
    reply.resume();
    await once(reply, 'end');
    said.push(reply.headers.connection);
  }
  agent.destroy();
  return said;
}

t.test('a connection ends after as many requests as it may have', async (t) => {
  const { url } = await serve(t, ok, { keepAliveRequests: 3 });
  t.strictSame(await ask(url, 4), ['keep-alive', 'keep-alive', 'close', 'keep-alive']);
});

t.test('a connection ends by its first answer past its age', async (t) => {
  const { url } = await serve(t, ok, { keepAliveMaxAge: 0.001 });
  t.strictSame(await ask(url, 2), ['close', 'close']);
});

t.test('shedding ends as many connections as asked for, each by its next answer', async (t) => {
  const { url, server } = await serve(t, ok);
  const agents = Array.from({ length: 3 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const round = () =>
    Promise.all(
      agents.map(async (agent) => {
        const [reply] = (await once(http.get(url, { agent }), 'response')) as [http.IncomingMessage];
        reply.resume();
        await once(reply, 'end');
        return reply.headers.connection;
      }),
    );
  t.strictSame(await round(), ['keep-alive', 'keep-alive', 'keep-alive']);
  (server as NodeListening).shed(2);
  t.equal((await round()).filter((said) => said === 'close').length, 2);
  t.equal((await round()).filter((said) => said === 'close').length, 0);
  for (const agent of agents) agent.destroy();
});

t.test('an observer is told of each request: status, bytes sent and received, time', async (t) => {
  const told: [string, number, number, number, boolean][] = [];
  const { url, server } = await serve(
    t,
    async ({ target, body }) => {
      for await (const _ of body ?? []);
      if (target === '/stream') {
        return {
          status: 201,
          headers: [],
          body: (async function* () {
            yield Buffer.from('12345');
          })(),
        };
      }
      return { status: target === '/none' ? 204 : 200, headers: [], body: target === '/none' ? null : 'ok' };
    },
    {
      observe: ({ target }, { status, bytes, received, ms }) =>
        void told.push([target, status, bytes, received, ms >= 0]),
    },
  );
  for (const path of ['/', '/none', '/stream']) await (await fetch(url + path)).text();
  await (await fetch(url, { method: 'POST', body: 'a body' })).text();
  await server.drain();
  t.strictSame(told, [
    ['/', 200, 2, 0, true],
    ['/none', 204, 0, 0, true],
    ['/stream', 201, 5, 0, true],
    ['/', 200, 2, 6, true],
  ]);
});
