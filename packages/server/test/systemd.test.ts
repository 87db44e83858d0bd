// What holds without systemd; with it, see test/e2e/systemd.test.ts of the workspace.

import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { addressOf, run } from './fixtures/served.ts';

const APP = `export const app = {
  handle: () => ({ status: 200, headers: [], body: JSON.stringify(Object.keys(process.env)) }),
};`;

/** As systemd sets them, but for a listener that is not there. */
const ENVIRONMENT = { NOTIFY_SOCKET: '/no/such/socket', WATCHDOG_USEC: '1000000', LISTEN_FDNAMES: 'http' };

t.test('a server that cannot reach systemd warns once and serves, and its workers are told nothing', async (t) => {
  const folder = t.testdir({ 'app.mjs': APP, empty: {} });
  // Without the program systemd-notify, wherever it may be.
  const env = { ...ENVIRONMENT, PATH: join(folder, 'empty') };
  const served = run(t, ['serve', './app.mjs:app', '-b', '127.0.0.1:0', '--reload-watch', '100ms'], env, folder);
  const url = await addressOf(served);
  const [reply] = (await once(http.get(url, { agent: false }), 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of reply) text += chunk;
  const names = JSON.parse(text) as string[];
  t.ok(names.includes('PATH'));
  t.strictSame(
    names.filter((name) => /^(NOTIFY|WATCHDOG|LISTEN)_/.test(name)),
    [],
  );
  served.child.kill('SIGHUP');
  await served.until(({ msg }) => msg === 'reloaded');
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
  const warnings = served.lines.filter(({ msg }) => msg.includes('systemd'));
  t.strictSame(
    warnings.map(({ msg }) => msg),
    ['systemd is told nothing: install the program systemd-notify (Debian: the package systemd)'],
  );
});

t.test('a socket that systemd has not passed is an error of the start', async (t) => {
  const folder = t.testdir({ 'app.mjs': APP });
  for (const bind of ['systemd', 'systemd:http']) {
    const served = run(t, ['serve', './app.mjs:app', '-b', bind], {}, folder);
    t.equal(await served.exited, 2);
    t.match(served.errors(), `tsgi: the bind ${bind} is none of the sockets that systemd has passed (there are none)`);
  }
});
