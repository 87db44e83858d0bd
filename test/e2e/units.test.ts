// The units of systemd/, byte for byte as they stand in the repository, under a real systemd with Nginx in front.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from '../markdown.ts';
import { Container, missing, TSGI } from './container.ts';

const IMAGE = 'tsgi/systemd:trixie';

/** A release: what stands in a folder of /opt/movie-quotes/releases. */
const gateway = (release: string) => `
  import { readdirSync, writeFileSync } from 'node:fs';
  export const createApplication = () => ({
    start() { writeFileSync('data', 'kept in the folder of the service'); },
    handle: ({ target }) => {
      if (target === '/sees') return { status: 200, headers: [], body: readdirSync('/').join(' ') };
      return { status: 200, headers: [], body: '${release} ' + process.env.SECRET };
    },
  });
`;
const CONFIG = "export default { app: './gateway.ts:createApplication()', name: 'movie-quotes', reloadWatch: 0 };";

t.test('the units of Movie Quotes', { skip: missing(IMAGE) }, async (t) => {
  const mounts = ['/run', '/run/lock', '/tmp'].flatMap((path) => ['--tmpfs', path]);
  const machine = await Container.start(t, IMAGE, ['--cap-add=SYS_ADMIN', '--cgroupns=private', ...mounts]);
  const ask = (url = 'http://127.0.0.1/') => machine.sh(`curl --silent --show-error --max-time 20 ${url}`);
  const exposure = async () =>
    Number(
      /: ([\d.]+) \w+/.exec(await machine.sh('systemd-analyze security movie-quotes --no-pager | tail -n 1'))?.[1],
    );
  const release = async (name: string, code: string) => {
    const folder = `/opt/movie-quotes/releases/${name}`;
    await machine.write(`${folder}/gateway.ts`, code);
    await machine.write(`${folder}/tsgi.config.ts`, CONFIG);
    await machine.write(`${folder}/package.json`, '{"type":"module"}');
    await machine.write(`${folder}/node_modules/.bin/tsgi`, `#!/bin/sh\nexec ${TSGI} "$@"\n`);
    await machine.write(`${folder}/deploy/backup`, '#!/bin/sh\nset -eu\ncp data "$1/copy"\n');
    await machine.sh(`chmod 755 ${folder}/node_modules/.bin/tsgi ${folder}/deploy/backup`);
  };
  const move = (name: string) =>
    machine.sh(`cd /opt/movie-quotes && ln -s releases/${name} next && mv -T next current`);

  /** Puts the units of a folder of the repository in place of those that are there, and gives their files. */
  async function install(folder: string): Promise<string> {
    const units = '/etc/systemd/system';
    await machine.sh(`rm -rf ${units}/movie-quotes* && cp /srv/tsgi/${folder}/movie-quotes* ${units}/`);
    // The release's program is one of the workspace, which is elsewhere.
    for (const name of ['movie-quotes', 'movie-quotes@'])
      await machine.write(`${units}/${name}.service.d/workspace.conf`, '[Service]\nBindReadOnlyPaths=/srv/tsgi\n');
    await machine.sh('systemctl daemon-reload');
    return `${units}/movie-quotes.service ${units}/movie-quotes.socket ${units}/movie-quotes-backup.* ${units}/movie-quotes@1.service ${units}/movie-quotes@1.socket`;
  }

  await machine.until('systemctl is-system-running', (state) => /^(running|degraded)$/.test(state));
  for (const name of ['one', 'two']) await release(name, gateway(name));
  await release('broken', 'throw new Error("no such module");');
  await move('one');

  t.test('come with their user and the folder of the variables', async (t) => {
    await machine.sh(
      'mkdir -p /etc/sysusers.d /etc/tmpfiles.d && cd /srv/tsgi/systemd && cp sysusers.d/* /etc/sysusers.d/',
    );
    await machine.sh('cp /srv/tsgi/systemd/tmpfiles.d/* /etc/tmpfiles.d/ && systemd-sysusers');
    await machine.sh('systemd-tmpfiles --create movie-quotes.conf && echo SECRET=word > /etc/movie-quotes/env');
    t.equal(await machine.sh('stat --format "%a %U %G" /etc/movie-quotes/env'), '640 root movie-quotes');
    t.match(await machine.sh('getent passwd movie-quotes'), /:\/var\/lib\/movie-quotes:\/usr\/sbin\/nologin$/);
  });

  for (const [folder, most] of [
    ['systemd/tcp', 1.5],
    ['systemd', 0.5],
  ] as const) {
    t.test(`${folder}: systemd finds no fault, and little that could be misused`, async (t) => {
      const files = await install(folder);
      const { stdout, stderr } = await machine.try(`systemd-analyze verify ${files}`);
      t.equal(stdout + stderr, '');
      const rating = await exposure();
      t.ok(rating > 0 && rating <= most, `exposed by ${rating}`);
    });
  }

  t.test('serve by the Unix socket, behind the site for it', async (t) => {
    await machine.sh('systemctl start movie-quotes.socket');
    t.equal(await machine.sh('stat --format "%a %U %G" /run/movie-quotes/app.sock'), '660 movie-quotes www-data');
    await machine.sh(
      'cp -r /srv/tsgi/nginx/. /etc/nginx/ && ln -s ../sites-available/movie-quotes-unix.conf /etc/nginx/sites-enabled/',
    );
    await machine.sh('mkdir -p /etc/nginx/conf.d && nginx -t -q && systemctl start nginx');
    t.equal(await ask(), 'one word');
    t.equal(await machine.sh('stat --format "%U" /var/lib/movie-quotes/data'), 'movie-quotes');
    t.match(await machine.sh('cat /var/log/movie-quotes/app_logs.log'), /serving systemd:movie-quotes/);
    t.notMatch(await ask('http://127.0.0.1/sees'), /\b(home|boot|media|mnt)\b/, 'which sees little of the machine');
    t.match(await machine.sh('ps -o user= -p $(systemctl show movie-quotes -P MainPID)'), /^movie-q/);
  });

  // An old worker answers once more on each connection that Nginx has kept open to it.
  const untilAnswered = (text: string) =>
    machine.until('curl --silent --max-time 20 http://127.0.0.1/', (answer) => answer === text);

  t.test('follow the link to another release by a reload, and stay where it cannot start', async (t) => {
    await move('two');
    await machine.sh('systemctl reload movie-quotes');
    await untilAnswered('two word');
    await move('broken');
    t.not((await machine.try('systemctl reload movie-quotes')).status, 0);
    t.equal(await ask(), 'two word');
    await move('one');
    await machine.sh('systemctl reload movie-quotes');
    await untilAnswered('one word');
  });

  t.test('refuse nobody over reloads and restarts', async (t) => {
    await machine.write('/srv/load.mjs', readFileSync(join(ROOT, 'test/e2e/fixtures/load.mjs'), 'utf8'));
    const load = machine.sh('echo $$ > /run/load && exec node /srv/load.mjs 80 20');
    await machine.until('cat /run/load', (pid) => pid !== '');
    for (const name of ['two', 'one']) {
      await move(name);
      await machine.sh('systemctl reload movie-quotes');
      await machine.sh('systemctl restart movie-quotes');
    }
    await machine.sh('kill $(cat /run/load)');
    const { answers, failures } = JSON.parse(await load);
    t.strictSame(failures, {});
    t.ok(answers > 100, `${answers} answers`);
  });

  t.test('reopen their log when it was rotated', async () => {
    const rotate = /postrotate\n(.*)\n\s*endscript/s.exec(
      readFileSync(join(ROOT, 'systemd/logrotate.d/movie-quotes'), 'utf8'),
    );
    await machine.sh(
      `mv /var/log/movie-quotes/app_logs.log /var/log/movie-quotes/app_logs.log.1 && ${rotate?.[1]?.trim()}`,
    );
    await machine.until('ls /var/log/movie-quotes/', (names) => names.split('\n').includes('app_logs.log'));
  });

  t.test('are several instances where that is wanted', async (t) => {
    await machine.sh('systemctl start movie-quotes@1.socket movie-quotes@2.socket');
    for (const i of [1, 2])
      t.equal(await ask(`--unix-socket /run/movie-quotes/app-${i}.sock http://localhost/`), 'one word');
    await machine.sh('systemctl reload movie-quotes@1');
    t.match(await machine.sh('systemctl show movie-quotes@1 -P StatusText'), /^generation 2, /);
    t.match(await machine.sh('systemctl show movie-quotes@2 -P StatusText'), /^generation 1, /);
    await machine.sh('systemctl stop movie-quotes@1.socket movie-quotes@1 movie-quotes.socket movie-quotes');
    await machine.sh(
      'ln -sf ../sites-available/movie-quotes-instances.conf /etc/nginx/sites-enabled/movie-quotes-unix.conf',
    );
    await machine.sh('nginx -t -q && systemctl restart nginx');
    for (let i = 0; i < 4; i++) t.equal(await ask(), 'one word', 'by the one that is left');
  });

  t.test('back the data up once a day', async (t) => {
    await machine.sh('systemctl start movie-quotes-backup.timer movie-quotes-backup.service');
    t.match(await machine.sh('cat /var/lib/movie-quotes-backups/copy'), 'kept in the folder of the service');
    t.equal(await machine.sh('stat --format "%a %U" /var/lib/movie-quotes-backups/copy'), '600 movie-quotes');
    t.match(await machine.sh('systemctl list-timers --no-pager'), /movie-quotes-backup\.timer/);
  });

  t.test('serve a port as well where they may reach a network', async (t) => {
    await machine.sh('systemctl stop "movie-quotes*" nginx');
    await install('systemd/tcp');
    await machine.sh('systemctl start movie-quotes.socket');
    t.equal(await ask('http://127.0.0.1:5000/'), 'one word');
    t.equal(await ask('--unix-socket /run/movie-quotes/app.sock http://localhost/'), 'one word');
  });
});
