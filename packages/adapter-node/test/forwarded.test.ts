import type { Address } from '@tsgi/core';
import t from 'tap';
import { readForwarded } from '../src/forwarded.ts';
import { parseTrust } from '../src/index.ts';

const peer: Address = { kind: 'ip', address: '10.0.0.1', port: 5000 };
const trust = parseTrust(['10.0.0.0/8']);
const x = (...headers: string[]) => readForwarded('x-forwarded', headers, peer, trust);
const rfc = (...values: string[]) =>
  readForwarded(
    'forwarded',
    values.flatMap((value) => ['forwarded', value]),
    peer,
    trust,
  );
const address = (client: Address) => (client.kind === 'ip' ? client.address : client.kind);

t.test('the right-most untrusted hop is the client; what it wrote itself is not believed', async (t) => {
  t.equal(address(x('x-forwarded-for', '1.1.1.1').client), '1.1.1.1');
  t.equal(address(x('x-forwarded-for', '6.6.6.6, 1.1.1.1').client), '1.1.1.1');
  t.equal(address(x('x-forwarded-for', '6.6.6.6, 1.1.1.1, 10.0.0.2').client), '1.1.1.1');
  t.equal(address(x('x-forwarded-for', '6.6.6.6', 'x-forwarded-for', '1.1.1.1, 10.0.0.2').client), '1.1.1.1');
  t.equal(address(x('x-forwarded-for', '10.0.0.3, 10.0.0.2').client), '10.0.0.3');
});

t.test('a hop that cannot be read ends the chain at the last one that could', async (t) => {
  t.equal(address(x('x-forwarded-for', 'unknown').client), '10.0.0.1');
  t.equal(address(x('x-forwarded-for', '1.1.1.1, unknown, 10.0.0.2').client), '10.0.0.2');
  t.equal(address(x('x-forwarded-for', '').client), '10.0.0.1');
  t.equal(address(x().client), '10.0.0.1');
});

t.test('ports and IPv6 are read', async (t) => {
  t.strictSame(x('x-forwarded-for', '1.1.1.1:4711').client, { kind: 'ip', address: '1.1.1.1', port: 4711 });
  t.strictSame(x('x-forwarded-for', '2001:db8::1').client, { kind: 'ip', address: '2001:db8::1', port: 0 });
  t.strictSame(x('x-forwarded-for', '[2001:db8::1]:443').client, { kind: 'ip', address: '2001:db8::1', port: 443 });
  t.strictSame(x('x-forwarded-for', '[2001:db8::1]').client, { kind: 'ip', address: '2001:db8::1', port: 0 });
});

t.test('scheme, host and prefix are taken when they are sound, and dropped when not', async (t) => {
  const good = x('x-forwarded-proto', 'HTTPS', 'x-forwarded-host', 'example.org:8443', 'x-forwarded-prefix', '/shop/');
  t.match(good, { scheme: 'https', host: 'example.org:8443', prefix: '/shop' });
  t.equal(x('x-forwarded-host', '[::1]:80').host, '[::1]:80');
  const bad = x('x-forwarded-proto', 'javascript', 'x-forwarded-host', 'a/b', 'x-forwarded-prefix', '//evil.example');
  t.match(bad, { scheme: undefined, host: undefined, prefix: undefined });
  t.equal(x('x-forwarded-prefix', '/').prefix, undefined);
  t.equal(x('x-forwarded-prefix', 'shop').prefix, undefined);
});

t.test('of several schemes and hosts the one of the client hop counts, not the one the client wrote', async (t) => {
  t.equal(x('x-forwarded-for', '1.1.1.1', 'x-forwarded-proto', 'http, https').scheme, 'https');
  t.equal(x('x-forwarded-for', '1.1.1.1, 10.0.0.2', 'x-forwarded-proto', 'https, http').scheme, 'https');
  t.equal(x('x-forwarded-for', '1.1.1.1, 10.0.0.2', 'x-forwarded-proto', 'https').scheme, 'https');
});

t.test('RFC 7239: elements, quoted values, several fields', async (t) => {
  t.match(rfc('for=192.0.2.60;proto=https;host=example.org;by=203.0.113.43'), {
    client: { address: '192.0.2.60' },
    scheme: 'https',
    host: 'example.org',
    prefix: undefined,
  });
  t.match(rfc('For="[2001:db8:cafe::17]:4711"').client, { address: '2001:db8:cafe::17', port: 4711 });
  t.equal(address(rfc('for=6.6.6.6, for=1.1.1.1', 'for=10.0.0.2').client), '1.1.1.1');
  t.match(rfc('for=6.6.6.6;proto=http', 'for=1.1.1.1;proto=https;host="a.example"', 'for=10.0.0.2;proto=http'), {
    client: { address: '1.1.1.1' },
    scheme: 'https',
    host: 'a.example',
  });
  t.equal(rfc('for=1.1.1.1;host="ex\\ample.org"').host, 'example.org');
});

t.test('RFC 7239: hidden and malformed elements are not believed', async (t) => {
  t.equal(address(rfc('for=_hidden').client), '10.0.0.1');
  t.equal(address(rfc('for=unknown, for=10.0.0.2').client), '10.0.0.2');
  t.equal(address(rfc('for=1.1.1.1 proto').client), '10.0.0.1');
  t.equal(address(rfc('for="1.1.1.1').client), '10.0.0.1');
  t.equal(address(rfc('').client), '10.0.0.1');
});
