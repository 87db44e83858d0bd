// Movie Quotes by HTTPS: the sites for it with a certificate of an authority, judged by testssl.sh, which knows more of TLS
// than these tests do; and what HTTP/2 and HTTP/3 lead to behind them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { run } from '../command.ts';
import { missing } from './container.ts';
import { compareLogs, EdgeSite, IMAGE } from './fixtures/edge-site.ts';
import { sendFields } from './fixtures/h2-raw.ts';
import { HIDDEN } from './fixtures/hostile.ts';

const NAME = 'quotes.example.org';
const LIVE = `/etc/letsencrypt/live/${NAME}`;
/** Debian has it as testssl. */
const TESTSSL = ['testssl', 'testssl.sh'].find((name) => spawnSync(name, ['--version']).error === undefined);

/** An authority, and a certificate of its for the name of the site, such as Let's Encrypt gives. */
function makeCertificates(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '90', '-subj', '/CN=An authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...key, '-subj', `/CN=${NAME}`, '-keyout', 'privkey.pem', '-out', 'request.pem');
  writeFileSync(
    join(folder, 'extensions'),
    [
      ...[`subjectAltName=DNS:${NAME}`, 'basicConstraints=CA:FALSE', 'keyUsage=digitalSignature'],
      ...['extendedKeyUsage=serverAuth', 'crlDistributionPoints=URI:http://crl.example.org/1.crl'],
    ].join('\n'),
  );
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '90', '-extfile', 'extensions'];
  openssl('x509', '-req', '-in', 'request.pem', ...signed, '-out', 'fullchain.pem');
  return { authority: join(folder, 'ca.pem'), pem: (name: string) => readFileSync(join(folder, name), 'utf8'), folder };
}

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

t.test('Movie Quotes by HTTPS', { skip: missing(IMAGE) }, async (t) => {
  const { authority, folder, pem } = makeCertificates(t);
  const site = await EdgeSite.start(t);
  for (const name of ['fullchain.pem', 'privkey.pem']) await site.machine.write(`${LIVE}/${name}`, pem(name));
  await site.machine.write('/srv/authority.pem', readFileSync(authority, 'utf8'));
  await site.machine.write('/var/www/letsencrypt/.well-known/acme-challenge/token', 'proof');
  /** In the container, where the ports are those of the site. */
  const curl = (options: string) =>
    site.machine.sh(
      `curl --silent --max-time 20 --cacert /srv/authority.pem --resolve ${NAME}:443:127.0.0.1 --resolve ${NAME}:80:127.0.0.1 ${options}`,
    );

  await site.use('movie-quotes-tls');

  t.test(
    'testssl.sh finds the modern profile and no fault',
    {
      skip: TESTSSL === undefined && 'skipped: there is no testssl.sh',
    },
    async (t) => {
      const file = join(folder, 'findings.json');
      const checks = ['--protocols', '--cipher-per-proto', '--pfs', '--server-defaults', '--headers'];
      const how = ['--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'min', '--ip', '127.0.0.1'];
      const args = [...how, '--add-ca', authority, '--jsonfile', file, ...checks, `https://${NAME}:${site.https}`];
      const { stdout } = await run(TESTSSL as string, args, folder);
      const findings = JSON.parse(readFileSync(file, 'utf8')) as Finding[];
      t.ok(findings.length > 50, stdout);
      // Everything that is worse than a remark.
      const faults = findings.filter(({ severity }) => severity !== 'OK' && severity !== 'INFO');
      t.strictSame(faults, []);
      const found = new Map(findings.map(({ id, finding }) => [id, finding]));
      for (const old of ['SSLv2', 'SSLv3', 'TLS1', 'TLS1_1', 'TLS1_2']) t.equal(found.get(old), 'not offered', old);
      t.match(found.get('TLS1_3'), /^offered/);
      t.equal(found.get('ALPN_HTTP2'), 'h2');
      t.match(found.get('PFS_ECDHE_curves'), /X25519/);
      const ciphers = findings.flatMap(({ id, finding }) =>
        id.startsWith('cipher-') ? (finding.match(/TLS_\w+/) ?? []) : [],
      );
      t.strictSame(
        ciphers.toSorted(),
        ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
        'the ciphers of TLS 1.3, and no others',
      );
      t.match(found.get('HSTS_time'), /^730 days/);
      t.match(found.get('TLS_session_ticket'), /^no/);
      t.match(found.get('OCSP_stapling'), 'not offered', 'which the authorities have ended');
      t.match(found.get('cert_chain_of_trust'), /^passed/);
      t.match(found.get('cert_trust'), /^Ok via SAN/);
      t.comment(`${findings.length} findings in ${found.get('scanTime')} s`);
    },
  );

  t.test('a session is resumed, without a ticket that a stolen key opens', async (t) => {
    const connect = (session: string) =>
      spawnSync(
        'sh',
        [
          '-c',
          `{ printf 'GET /hello HTTP/1.1\\r\\nHost: ${NAME}\\r\\nConnection: close\\r\\n\\r\\n'; sleep 2; } |
            openssl s_client -connect 127.0.0.1:${site.https} -servername ${NAME} ${session} -ign_eof`,
        ],
        { cwd: folder, encoding: 'utf8' },
      ).stdout;
    const first = connect('-sess_out session.pem');
    t.match(first, /^New, TLSv1\.3/m);
    // 32 bytes: where the session lies in Nginx's memory, and nothing of itself.
    const ticket = /TLS session ticket:\n((?: {4}[0-9a-f]{4} - .*\n)+)/.exec(first)?.[1];
    t.equal(ticket?.trimEnd().split('\n').length, 2);
    t.match(connect('-sess_in session.pem'), /^Reused, TLSv1\.3/m);
  });

  t.test('plain HTTP leads to it, and to nothing else but proofs for the authority', async (t) => {
    const redirect = await curl(`--head --request POST 'http://${NAME}/admin/../quotes?a=b'`);
    t.match(redirect, /^HTTP\/1\.1 308 /);
    t.match(redirect, /^Location: https:\/\/quotes\.example\.org\/quotes\?a=b\r?$/im);
    t.notMatch(redirect, /strict-transport-security/i, 'which has no meaning there');
    t.equal(await curl(`http://${NAME}/.well-known/acme-challenge/token`), 'proof');
    t.match(await curl(`--head http://${NAME}/.well-known/acme-challenge/none`), /^HTTP\/1\.1 404 /);
    t.match(
      await curl(`--insecure --path-as-is --head 'http://${NAME}/.well-known/acme-challenge/../../admin'`),
      / 308 /,
    );
    t.match(await curl(`--head --http1.1 http://${NAME}:443/`), /^HTTP\/1\.1 400 /, 'no plain HTTP on the port of TLS');
    const cookies = await curl(`--head https://${NAME}/admin/sign-in`);
    t.match(cookies, /^HTTP\/2 200 /);
    t.match(cookies, /^set-cookie: mq_admin=.*; HttpOnly; Secure; SameSite=Lax\r?$/im);
  });

  t.test('what HTTP/2 lets pass and HTTP/1.1 does not is refused', async (t) => {
    const request = (fields: Record<string, string>): [string, string][] =>
      Object.entries({ ':method': 'GET', ':scheme': 'https', ':authority': NAME, ':path': '/quotes', ...fields });
    const hidden = `GET ${HIDDEN} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const hostile: readonly (readonly [string, readonly [string, string][], string?])[] = [
      ['a line end in a value', request({ a: `b\r\n\r\n${hidden}` })],
      ['a bare LF in a value', request({ a: 'b\nTransfer-Encoding: chunked' })],
      ['a NUL in a value', request({ a: 'b\0c' })],
      ['a line end in a name', request({ 'a: b\r\nc': 'd' })],
      ['a colon in a name', request({ 'a:b': 'c' })],
      ['capital letters in a name', request({ 'Content-Length': '5' })],
      ['a line end in the path', request({ ':path': `/quotes HTTP/1.1\r\nHost: a\r\n\r\n${hidden}` })],
      ['a space in the path', request({ ':path': '/quotes /admin' })],
      ['a path that is none', request({ ':path': 'quotes' })],
      ['an absolute path', request({ ':path': 'http://a/quotes' })],
      ['an empty path', request({ ':path': '' })],
      ['two paths', [...request({}), [':path', HIDDEN]]],
      ['no path', request({}).filter(([name]) => name !== ':path')],
      ['a line end in the method', request({ ':method': `GET ${HIDDEN} HTTP/1.1\r\nHost: a\r\n\r\nGET` })],
      ['a line end in the authority', request({ ':authority': `a\r\n\r\n${hidden}` })],
      ['an authority with a path', request({ ':authority': 'a/admin' })],
      ['no authority', request({}).filter(([name]) => name !== ':authority')],
      ['two hosts', request({ host: 'evil.example' })],
      ['a pseudo-field after the others', [...request({ a: 'b' }), [':scheme', 'http']]],
      ['a pseudo-field that nobody knows', request({ ':admin': '1' })],
      ['a coding of HTTP/1.1', request({ ':method': 'POST', 'transfer-encoding': 'chunked' }), `0\r\n\r\n${hidden}`],
      ['a body that is longer than it says', request({ ':method': 'POST', 'content-length': '0' }), hidden],
      ['a body that is shorter than it says', request({ ':method': 'POST', 'content-length': '500' }), hidden],
      ['a connection that is to stay', request({ connection: 'keep-alive', upgrade: 'websocket' })],
      ['CONNECT', request({ ':method': 'CONNECT', ':path': HIDDEN })],
    ];
    const before = await site.logs();
    const answers = await Promise.all(hostile.map(([, fields, body]) => sendFields(site.https, fields, body)));
    for (const [i, types] of answers.entries()) t.ok(types.length > 0, `${hostile[i]?.[0]}: frames ${types.join(' ')}`);
    const { passed, seen } = await site.logs();
    const arrived = seen.slice(before.seen.length);
    t.ok(passed.length - before.passed.length <= hostile.length, 'no request has become two');
    t.strictSame(
      arrived.filter(({ url }) => url !== '/quotes'),
      [],
      'and what is left of them asks for what they say',
    );
    t.comment(`${arrived.length} of ${hostile.length} got to the application`);
    await compareLogs(t, site);
  });

  t.test('HTTP/3 reaches the same application', async (t) => {
    const { stdout } = await site.machine.try('nginx -V 2>&1; curl --version');
    if (!stdout.includes('http_v3_module') || !/Features:.*HTTP3/.test(stdout)) {
      t.comment('this Nginx or curl has no HTTP/3');
      return;
    }
    await site.use('movie-quotes-http3');
    const offered = await curl(`--head https://${NAME}/info`);
    t.match(offered, /^alt-svc: h3=":443"; ma=86400\r?$/im);
    const reply = await curl(`--http3-only --write-out '\\n%{http_version} %{http_code}' https://${NAME}/info`);
    const [body = '', version] = reply.split('\n');
    t.equal(version, '3 200');
    t.match(JSON.parse(body), { scheme: 'https', host: NAME, forwardedAddress: '127.0.0.1' });
    t.match(await curl(`--http3-only https://${NAME}/feed.xml`), `<id>https://${NAME}/</id>`);
    t.equal(
      await curl(`--http3-only --head --write-out '%{http_code}' --output /dev/null https://${NAME}/quotes`),
      '200',
    );
    t.match(await curl(`--head https://${NAME}/quotes`), /^x-cache-status: HIT\r?$/im, 'one cache for all of them');
    await compareLogs(t, site);
  });
});
