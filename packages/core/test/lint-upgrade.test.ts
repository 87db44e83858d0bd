// Section F: a request to change the protocol, with a real stream behind it.

import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import t from 'tap';
import {
  type Application,
  type GatewayRequest,
  type Outcome,
  type RawSocket,
  TAKEN,
  TsgiError,
  type Upgrade,
} from '../src/index.ts';
import { chunks, ok, serve, untested } from './fixtures/linted.ts';

/** A request for a WebSocket, and the client's end of its connection. */
function websocket(changes: Partial<Upgrade> = {}): {
  changes: Partial<GatewayRequest>;
  client: Duplex;
  server: Duplex;
} {
  const [client, server] = duplexPair();
  let taken = false;
  const upgrade: Upgrade = {
    protocol: 'websocket',
    head: new Uint8Array(0),
    take() {
      if (taken) throw new TsgiError('TSGI_ERR_UPGRADE_TAKEN', { problem: 'it was taken before' });
      taken = true;
      return server as unknown as RawSocket;
    },
    ...changes,
  };
  return { changes: { headers: ['connection', 'Upgrade', 'upgrade', 'websocket'], upgrade }, client, server };
}

/** What lint reports of one request, up to the outcome. */
async function breaksOf(handle: Application['handle'], changes: Partial<GatewayRequest>): Promise<string[]> {
  const worker = await serve(handle);
  await worker.ask(changes);
  return worker.broken;
}

const take: Application['handle'] = ({ upgrade }) => {
  upgrade?.take();
  return TAKEN;
};

t.test('a socket is taken through lint as it is', async (t) => {
  const { changes, client } = websocket({ head: new Uint8Array([1]) });
  const worker = await serve(({ upgrade }) => {
    t.equal(upgrade?.protocol, 'websocket');
    t.same(upgrade?.head, new Uint8Array([1]));
    upgrade?.take().end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    return TAKEN;
  });
  t.equal(await worker.ask(changes), TAKEN);
  const [answer] = await once(client, 'data');
  t.match(String(answer), /^HTTP\/1\.1 101/);
  t.same(worker.broken, []);
});

t.test('F1: an offer is whole, and for a request that asks for it', async (t) => {
  const refuse: Application['handle'] = () => ok;
  const { changes } = websocket();
  t.same(await breaksOf(refuse, changes), []);
  for (const wrong of [{ protocol: 'WebSocket' }, { protocol: 'h2c' }, { head: '' }, { take: true }]) {
    t.same(
      await breaksOf(refuse, websocket(wrong as unknown as Upgrade).changes),
      ['F1 server'],
      JSON.stringify(wrong),
    );
  }
  t.same(await breaksOf(refuse, { upgrade: undefined as unknown as null }), ['F1 server']);
  t.same(await breaksOf(refuse, { ...changes, headers: [] }), ['F1 server']);
  t.same(await breaksOf(refuse, { ...changes, headers: ['upgrade'] }), ['B9 server']);
  const headers = [...(changes.headers as string[]), 'content-length', '1'];
  t.same(await breaksOf(refuse, { ...changes, headers, body: chunks('a') }), ['F1 server']);
});

t.test('F3: a socket is taken once, and before the outcome', async (t) => {
  const twice = await serve(({ upgrade }) => {
    upgrade?.take();
    upgrade?.take();
    return TAKEN;
  });
  t.throws(() => twice.ask(websocket().changes), { code: 'TSGI_ERR_UPGRADE_TAKEN' });
  t.same(twice.broken, ['F3 application']);

  let kept: Upgrade | null = null;
  const late = await serve(({ upgrade }) => {
    kept = upgrade;
    return ok;
  });
  await late.ask(websocket().changes);
  (kept as Upgrade | null)?.take();
  t.same(late.broken, ['F3 application']);
});

t.test('F4: what is taken is a raw socket', async (t) => {
  const whole = { write() {}, end() {}, destroy() {}, on() {}, once() {}, removeListener() {}, destroyed: false };
  t.same(await breaksOf(take, websocket({ take: () => whole as unknown as RawSocket }).changes), []);
  for (const socket of [null, {}, { ...whole, removeListener: 1 }, { ...whole, destroyed: undefined }]) {
    t.same(await breaksOf(take, websocket({ take: () => socket as unknown as RawSocket }).changes), ['F4 server']);
  }
});

t.test('F5 and F6: the outcome is TAKEN exactly where the socket was taken', async (t) => {
  t.same(await breaksOf(() => TAKEN, websocket().changes), ['F5 application']);
  t.same(await breaksOf(() => TAKEN, {}), ['F5 application']);
  const both: Application['handle'] = ({ upgrade }) => {
    upgrade?.take();
    return ok;
  };
  t.same(await breaksOf(both, websocket().changes), ['F6 application']);
  const neither: Application['handle'] = ({ upgrade }) => {
    upgrade?.take();
    return undefined as unknown as Outcome;
  };
  t.same(await breaksOf(neither, websocket().changes), ['F6 application', 'D5 application']);
});

t.test('a taken socket is in flight until it is closed', async (t) => {
  const closed = websocket();
  const early = await serve(take);
  await early.ask({ ...closed.changes, id: 'early' });
  closed.server.destroy();
  await once(closed.server, 'close');
  await early.ask({ id: 'early', ...websocket().changes });
  t.same(early.broken, []);

  const open = websocket();
  const late = await serve(take);
  await late.ask({ ...open.changes, id: 'late' });
  await late.end();
  t.match(late.breaks, [{ rule: 'H4', problem: 'the server called stop before the taken socket was closed' }]);

  const gone = websocket();
  gone.server.destroy();
  const dead = await serve(take);
  await dead.ask(gone.changes);
  await dead.end();
  t.same(dead.broken, []);
});

t.test('every rule of the section that lint checks is tested here', (t) => {
  t.same(untested('F'), []);
  t.end();
});
