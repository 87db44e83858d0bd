// What `tsgi generate` writes, used as it is: units under a real systemd, a Compose file by a real Docker engine with a
// real Nginx in front.

import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { Container, missing, TSGI } from './container.ts';

const APP = `export const app = {
  handle: ({ client, scheme, host }, { generation, worker }) =>
    ({ status: 200, headers: [], body: JSON.stringify({ client, scheme, host, generation, worker }) }),
};`;

t.test('the units of systemd serve, reload and restart', { skip: missing('tsgi/systemd:trixie') }, async (t) => {
  const mounts = ['/run', '/run/lock', '/tmp'].flatMap((path) => ['--tmpfs', path]);
  const options = ['--cap-add=SYS_ADMIN', '--cgroupns=private', ...mounts];
  const machine = await Container.start(t, 'tsgi/systemd:trixie', options);
  const bin = '/srv/quotes/node_modules/.bin/tsgi';
  const ask = async (url: string) => JSON.parse(await machine.sh(`curl --silent --show-error --max-time 20 ${url}`));
  const status = () => machine.sh('systemctl show quotes --property StatusText --value');

  await machine.until('systemctl is-system-running', (state) => /^(running|degraded)$/.test(state));
  await machine.write(bin, `#!/bin/sh\nexec ${TSGI} "$@"\n`);
  await machine.sh(`chmod 755 ${bin} && useradd --system quotes`);
  await machine.write('/srv/quotes/app.js', APP);
  await machine.write('/srv/quotes/package.json', '{"type":"module"}');
  await machine.write(
    '/srv/quotes/tsgi.config.js',
    "export default { app: './app.js:app', name: 'quotes', workers: 2, reloadWatch: 0, accessLogfile: '/var/log/quotes/access.log' };",
  );
  const binds = '--bind 127.0.0.1:8000 --bind unix:/run/quotes/app.sock';
  await machine.sh(`cd /srv/quotes && ${TSGI} generate systemd ${binds} --output /etc/systemd/system`);
  const units = '/etc/systemd/system/quotes.service /etc/systemd/system/quotes.socket';
  t.equal(await machine.sh(`systemctl daemon-reload && systemd-analyze verify ${units} 2>&1`), '');

  // The socket alone: the service starts with the first connection.
  await machine.sh('systemctl start quotes.socket');
  t.match(await ask('http://127.0.0.1:8000/'), { generation: 1, client: { address: '127.0.0.1' } });
  t.match(await ask('--unix-socket /run/quotes/app.sock http://localhost/'), { client: { kind: 'unix' } });
  t.equal(await status(), 'generation 1, 2 of 2 workers serve');
  t.equal(await machine.sh('stat --format "%a %U" /run/quotes/app.sock'), '660 quotes');

  await machine.sh('systemctl reload quotes');
  t.equal(await status(), 'generation 2, 2 of 2 workers serve');
  await machine.sh('systemctl restart quotes');
  t.match(await ask('http://127.0.0.1:8000/'), { generation: 1 });
  t.ok(Number(await machine.sh('wc --lines < /var/log/quotes/access.log')) >= 2);

  await machine.write('/srv/quotes/app.js', "throw new Error('broken');");
  t.not((await machine.try('systemctl reload quotes')).status, 0, 'a reload to broken code fails');
  t.match(await ask('http://127.0.0.1:8000/'), { generation: 1 });
  await machine.sh('systemctl stop quotes.socket quotes.service');
  t.equal(await machine.sh('systemctl is-failed quotes || true'), 'inactive');
});

const images = missing('node:26-bookworm-slim', 'nginx:1.30');
for (const bind of [':8000', 'unix:/run/shop/app.sock']) {
  t.test(`the Compose file serves ${bind} through its Nginx`, { skip: images }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'tsgi-e2e-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const port = await freePort();
    await mkdir(join(folder, 'app'));
    await writeFile(join(folder, 'app/app.js'), APP);
    await writeFile(join(folder, 'app/package.json'), '{"type":"module"}');
    const settings = ['./app.js:app', '--name', `tsgi-e2e-${process.pid}`, '--bind', bind, '--graceful-timeout', '5s'];
    const cli = [process.execPath, '--conditions=@tsgi/source', join(ROOT, 'packages/server/src/cli.ts')] as const;
    const [node, ...args] = [...cli, 'generate', 'compose', ...settings, '--publish', String(port), '-o', folder];
    const generated = await run(node as string, args, folder);
    t.equal(generated.status, 0, generated.stderr);
    // In place of an image of the application: the workspace, mounted.
    const image = {
      image: 'node:26-bookworm-slim',
      working_dir: '/srv/app',
      command: [...TSGI.split(' '), 'serve'],
      volumes: [`${ROOT}:/srv/tsgi:ro`, `${folder}/app:/srv/app:ro`],
    };
    await writeFile(join(folder, 'workspace.json'), JSON.stringify({ services: { app: image } }));
    const compose = (...command: string[]) =>
      run('docker', ['compose', '-f', 'compose.yaml', '-f', 'workspace.json', ...command], folder);
    t.teardown(() => compose('down', '--volumes', '--timeout', '1'));
    const up = await compose('up', '--detach', '--no-build', '--wait', '--wait-timeout', '90');
    t.equal(up.status, 0, up.stderr + (up.status === 0 ? '' : (await compose('logs')).stdout));

    const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-forwarded-for': '6.6.6.6' } });
    t.equal(reply.status, 200);
    const seen = (await reply.json()) as { client: { address: string }; host: string };
    t.match(seen, { scheme: 'http', host: `127.0.0.1:${port}`, client: { kind: 'ip' } });
    t.not(seen.client.address, '6.6.6.6');

    await compose('stop', 'app');
    const page = await fetch(`http://127.0.0.1:${port}/`);
    // Nobody listens, or nobody has the address any more.
    t.ok([502, 504].includes(page.status), String(page.status));
    t.match(await page.text(), /does not answer/);
  });
}

/** A port of this machine that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
