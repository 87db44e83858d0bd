// The units of docs/systemd.md under a real systemd, which runs as a machine in a container.

import t from 'tap';
import { blocks } from '../markdown.ts';
import { Container, missing, TSGI } from './container.ts';

const IMAGE = 'tsgi/systemd:trixie';
const BIN = '/srv/quotes/node_modules/.bin/tsgi';

/** An application that answers `text`, and does not start while there is a file `hold`. */
const app = (text: string) => `
  import { existsSync } from 'node:fs';
  import { setTimeout as delay } from 'node:timers/promises';

  export const app = {
    handle: () => ({ status: 200, headers: [], body: process.env.NOTIFY_SOCKET ?? '${text}' }),
    async start() {
      while (existsSync('/srv/quotes/hold')) await delay(20);
    },
  };
`;

/** The units that the page shows, by their path. */
const UNITS = new Map(
  blocks('docs/systemd.md')
    .filter(({ language }) => language === 'ini')
    .map(({ code }) => [/^# (\S+)/.exec(code)?.[1] as string, code]),
);

t.test('the service of docs/systemd.md', { skip: missing(IMAGE) }, async (t) => {
  const mounts = ['/run', '/run/lock', '/tmp'].flatMap((path) => ['--tmpfs', path]);
  const machine = await Container.start(t, IMAGE, ['--cap-add=SYS_ADMIN', '--cgroupns=private', ...mounts]);
  const show = (property: string) => machine.sh(`systemctl show quotes --property ${property} --value`);
  const ask = () => machine.sh('curl --silent --show-error --max-time 10 http://127.0.0.1:8000/');
  const startUnits = (...names: string[]) => `systemctl daemon-reload && systemctl start ${names.join(' ')}`;
  const untilStatus = (wanted: RegExp) =>
    machine.until('systemctl show quotes --property StatusText --value', (status) => wanted.test(status));
  const install = async (path: string) => machine.write(path, UNITS.get(path) ?? '');

  await machine.until('systemctl is-system-running', (state) => /^(running|degraded)$/.test(state));
  await machine.sh('useradd --system quotes');
  await machine.write(BIN, `#!/bin/sh\nexec ${TSGI} "$@"\n`);
  await machine.sh(`chmod 755 ${BIN}`);
  await machine.write('/srv/quotes/app.ts', app('one'));
  await machine.write('/srv/load.mjs', await machine.sh('cat /srv/tsgi/test/e2e/fixtures/load.mjs'));
  await install('/etc/systemd/system/quotes.service');

  t.test('its units have nothing that systemd finds fault with', async (t) => {
    t.equal(UNITS.size, 4);
    for (const path of UNITS.keys()) await install(path);
    const files = [...UNITS.keys()].filter((path) => !path.endsWith('.conf')).join(' ');
    const { status, stdout, stderr } = await machine.try(`systemctl daemon-reload && systemd-analyze verify ${files}`);
    t.equal(stdout + stderr, '');
    t.equal(status, 0);
    await machine.sh('rm -r /etc/systemd/system/quotes.service.d /etc/systemd/system/*.socket');
  });

  t.test('is started when it serves, not before', async (t) => {
    await machine.sh('touch /srv/quotes/hold && systemctl daemon-reload && systemctl start --no-block quotes');
    await machine.until('journalctl --unit quotes --output cat', (log) => log.includes('worker 2 starts'));
    t.equal(await show('ActiveState'), 'activating');
    await machine.sh('rm /srv/quotes/hold && systemctl start quotes');
    t.equal(await show('ActiveState'), 'active');
    t.equal(await show('StatusText'), 'generation 1, 2 of 2 workers serve');
    t.equal(await ask(), 'one', 'and a worker knows nothing of the notify socket');
  });

  t.test('reloads to new code, and says so', async (t) => {
    const pid = await show('MainPID');
    await machine.write('/srv/quotes/app.ts', app('two'));
    await machine.sh('systemctl reload quotes');
    t.equal(await ask(), 'two', 'when systemctl reload returns');
    t.equal(await show('ActiveState'), 'active');
    await untilStatus(/^generation 2, 2 of 2 workers serve$/);
    t.equal(await show('MainPID'), pid);
    // Not through systemctl, so that systemd can know of it only from the server.
    await machine.sh(`touch /srv/quotes/hold && kill -HUP ${pid}`);
    await machine.until('systemctl is-active quotes', (state) => state === 'reloading');
    await untilStatus(/^generation 2, 2 of 2 workers serve; reloading$/);
    await machine.sh('rm /srv/quotes/hold');
    await machine.until('systemctl is-active quotes', (state) => state === 'active');
    t.equal(await show('StatusText'), 'generation 3, 2 of 2 workers serve');
  });

  t.test('stays active on a reload to code that does not start', async (t) => {
    await machine.write('/srv/quotes/app.ts', 'throw new Error("no database");');
    t.not((await machine.try('systemctl reload quotes')).status, 0);
    await untilStatus(/^generation 3, 2 of 2 workers serve; the last reload failed: .*no database/);
    t.equal(await machine.until('systemctl is-active quotes', (state) => state !== 'reloading'), 'active');
    t.equal(await ask(), 'two');
    await machine.write('/srv/quotes/app.ts', app('three'));
    await machine.sh('systemctl reload quotes');
    await untilStatus(/^generation 4, 2 of 2 workers serve$/);
    const status = JSON.parse(await machine.sh(`${BIN} status --json --control-socket /run/quotes/control.sock`));
    t.match(status, { generation: 4, state: 'serving' });
    t.equal(await ask(), 'three');
  });

  t.test('says when a worker is missing, and when it is back', async () => {
    const worker = await machine.sh(`pgrep --parent ${await show('MainPID')} --full worker/main | head -n 1`);
    await machine.sh(`touch /srv/quotes/hold && kill -KILL ${worker}`);
    await untilStatus(/^generation 4, 1 of 2 workers serve$/);
    await machine.sh('rm /srv/quotes/hold');
    await untilStatus(/^generation 4, 2 of 2 workers serve$/);
  });

  t.test('is restarted when its arbiter hangs', async (t) => {
    const pid = await show('MainPID');
    const restarts = Number(await show('NRestarts'));
    await machine.sh(`kill -STOP ${pid}`);
    await machine.until('systemctl show quotes --property NRestarts --value', (count) => Number(count) > restarts);
    await machine.until('systemctl is-active quotes', (state) => state === 'active');
    t.not(await show('MainPID'), pid);
    t.match(await machine.sh('journalctl --unit quotes --output cat'), /[Ww]atchdog timeout/);
    t.equal(await ask(), 'three');
  });

  t.test('leaves no process behind when it is stopped', async (t) => {
    const group = `/sys/fs/cgroup${await show('ControlGroup')}`;
    t.ok(Number(await machine.sh(`wc -l < ${group}/cgroup.procs`)) >= 3);
    await machine.sh('systemctl stop quotes');
    t.equal(await show('Result'), 'success');
    t.equal(await machine.sh(`cat ${group}/cgroup.procs 2>/dev/null || true`), '');
  });

  t.test('is started by the first connection to one of its sockets', async (t) => {
    for (const path of UNITS.keys()) await install(path);
    await machine.sh(startUnits('quotes.socket', 'quotes-local.socket'));
    t.equal(await show('ActiveState'), 'inactive');
    t.equal(await ask(), 'three');
    t.equal(await show('ActiveState'), 'active');
    t.equal(await machine.sh('curl --silent --unix-socket /run/quotes.sock http://quotes/'), 'three');
    t.equal(await machine.sh('stat --format "%a %G" /run/quotes.sock'), '660 www-data');
    t.match(await machine.sh('journalctl --unit quotes --output cat'), /serving systemd:http, systemd:local/);
  });

  t.test('loses no request over three restarts under load', async (t) => {
    const loads = Object.entries({ tcp: '8000', unix: '/run/quotes.sock' }).map(([name, where]) =>
      machine.sh(`echo $$ > /run/load-${name} && exec node /srv/load.mjs ${where} 20`),
    );
    await machine.until('cat /run/load-tcp /run/load-unix', (pids) => pids.includes('\n'));
    for (let i = 0; i < 3; i++) {
      const pid = await show('MainPID');
      await machine.sh('systemctl restart quotes');
      t.not(await show('MainPID'), pid);
    }
    await machine.sh('kill $(cat /run/load-tcp /run/load-unix)');
    for (const load of loads) {
      const { answers, failures } = JSON.parse(await load);
      t.strictSame(failures, {});
      t.ok(answers > 100, `${answers} answers`);
      t.comment(`${answers} answers over three restarts`);
    }
  });

  t.test('is as hard to misuse as its page says', async (t) => {
    const rating = await machine.sh('systemd-analyze security quotes --no-pager | tail -n 1');
    t.match(rating, /: 1\.[0-9] OK/);
  });

  t.test('may be made by tsgi generate instead', async (t) => {
    await machine.sh('systemctl stop quotes.socket quotes-local.socket quotes');
    await machine.sh('rm -r /etc/systemd/system/quotes*');
    await machine.sh(
      `cd /srv/quotes && ${BIN} generate systemd ./app.ts:app --name quotes --bind 127.0.0.1:8000 --bind unix:/run/quotes.sock --output /etc/systemd/system`,
    );
    const files = '/etc/systemd/system/quotes.service /etc/systemd/system/quotes.socket';
    const { stdout, stderr } = await machine.try(`systemctl daemon-reload && systemd-analyze verify ${files}`);
    t.equal(stdout + stderr, '');
    await machine.sh('systemctl start quotes.socket');
    t.equal(await ask(), 'three');
    t.equal(await machine.sh('curl --silent --unix-socket /run/quotes.sock http://quotes/'), 'three');
    await machine.sh('systemctl reload quotes');
    await untilStatus(/^generation 2, /);
  });
});
