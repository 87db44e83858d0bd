import t from 'tap';
import { parseTrust } from '../src/index.ts';

const ip = (address: string) => ({ kind: 'ip', address, port: 1 }) as const;

t.test('addresses and networks of both families are matched', async (t) => {
  const trust = parseTrust(['192.0.2.7', '10.0.0.0/8', '::1', '2001:db8::/32']);
  for (const yes of ['192.0.2.7', '10.255.0.1', '::1', '2001:db8:ffff::1']) t.ok(trust(ip(yes)), yes);
  for (const no of ['192.0.2.8', '11.0.0.1', '::2', '2001:db9::1']) t.notOk(trust(ip(no)), no);
  t.notOk(trust({ kind: 'unix' }));
});

t.test('unix stands for every peer on a Unix socket, * for everyone, an empty list for nobody', async (t) => {
  t.ok(parseTrust(['unix'])({ kind: 'unix' }));
  t.notOk(parseTrust(['unix'])(ip('127.0.0.1')));
  t.ok(parseTrust(['*'])(ip('203.0.113.1')));
  t.ok(parseTrust(['*'])({ kind: 'unix' }));
  t.notOk(parseTrust([])(ip('127.0.0.1')));
});

t.test('what is no address or network is refused with what to write', async (t) => {
  for (const item of ['localhost', '10.0.0.0/33', '::1/129', '10.0.0.0/x', '']) {
    t.throws(() => parseTrust([item]), { code: 'TSGI_ERR_TRUST', todo: /write an IP address/ }, item);
  }
});
