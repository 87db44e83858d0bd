// docs/deploy-vm.md, command by command, and deploy/vm, each on a bare machine of its own: a container in which systemd runs.
// The releases are those of deploy/release, from the commit that is checked out.

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { run } from '../command.ts';
import { blocks, ROOT } from '../markdown.ts';
import { Container, missing } from './container.ts';

const TRIXIE = 'tsgi/systemd:trixie';
const BOOKWORM = 'node:26-bookworm-slim';
const PAGE = 'docs/deploy-vm.md';
const MONITOR = blocks('docs/observability.md').find(({ tags }) => tags.includes('monitor'))?.code ?? 'false';
const VM = '/opt/movie-quotes/current/deploy/vm';
const READY = 'curl --fail --silent --show-error --max-time 20 http://127.0.0.1/readyz';
/** Where many tests share a processor the application may be late; here it must not answer 503 for that. */
const PATIENT = 'MAX_EVENT_LOOP_DELAY=0';
/** The archive of Node.js that the page names. */
const NODE = /node-v[\d.]+-linux-x64/.exec(blocks(PAGE).find(({ tags }) => tags.includes('internet'))?.code ?? '')?.[0];

t.test('a machine of its own', { skip: missing(TRIXIE, BOOKWORM) }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tsgi-e2e-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [trixie, bookworm] = await Promise.all([
    boot(t, folder, TRIXIE, 'exec /sbin/boot'),
    boot(t, folder, BOOKWORM, BOOT),
    makeReleases(folder),
  ]);
  const bare = 'apt-get purge -yq nginx nginx-common; rm -rf /usr/local/bin/[a-z]* /etc/nginx && mkdir -p /root/node';
  for (const machine of [trixie, bookworm]) {
    // What nodejs.org has: the folder of the archive, with the program of this image.
    await machine.sh(
      `mkdir -p /srv/${NODE}/bin && cp "$(command -v node)" /srv/${NODE}/bin/ && tar -cf /root/${NODE}.tar.xz -C /srv ${NODE}`,
    );
    await machine.sh(`cd /root && sha256sum ${NODE}.tar.xz > SHASUMS256.txt && rm -r /srv/${NODE} && (${bare}) 2>&1`);
  }
  if ((await trixie.try('apt-get update -q')).status !== 0) return t.comment('skipped: no mirror of Debian is reached');

  await t.test('by hand, as the page says', (t) => byHand(t, trixie));
  await trixie.remove();
  await t.test('by the script', (t) => byScript(t, bookworm));
});

/** Debian 12 has an image without systemd; this installs and boots it. */
const BOOT = `set -e
  apt-get update -q && apt-get install -yq --no-install-recommends systemd systemd-sysv dbus libnss-systemd
  cd /lib/systemd/system && ln -sf /dev/null /etc/systemd/system/systemd-udevd.service
  for unit in systemd-logind.service getty.target console-getty.service; do ln -sf /dev/null /etc/systemd/system/$unit; done
  umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
  exec /lib/systemd/systemd`;

async function boot(t: Test, folder: string, image: string, script: string): Promise<Container> {
  const mounts = ['/run', '/run/lock', '/tmp'].flatMap((path) => ['--tmpfs', path]);
  const options = [
    '--cap-add=SYS_ADMIN',
    '--cap-add=NET_ADMIN',
    '--cgroupns=private',
    '--volume',
    `${folder}:/srv/releases:ro`,
    ...mounts,
  ];
  const environment = ['--env', 'container=docker', '--env', 'DEBIAN_FRONTEND=noninteractive'];
  const machine = await Container.start(t, image, [...options, ...environment], ['sh', '-c', script]);
  await booted(machine);
  return machine;
}

const booted = (machine: Container) =>
  machine.until('systemctl is-system-running', (state) => /^(running|degraded)$/.test(state));

/** Releases in `folder`: 1.0.0 is what deploy/release makes, the others are that with something changed. */
async function makeReleases(folder: string): Promise<void> {
  await command(join(ROOT, 'deploy/release'), '--version', '1.0.0', folder);
  await command('tar', '-xzf', join(folder, `${nameOf('1.0.0')}.tar.gz`), '-C', folder);
  const tree = join(folder, 'movie-quotes');
  await rename(join(folder, 'movie-quotes-1.0.0'), tree);
  const broken = (line: string) => `sed -i '1i ${line}' gateway.ts`;
  const migration = `cat > src/database/migrations/1799000000000-create-moods.ts <<'TEXT'
export class CreateMoods1799000000000 {
  name = 'CreateMoods1799000000000';
  up = (runner) => runner.query('CREATE TABLE moods (id integer)');
  down = (runner) => runner.query('DROP TABLE moods');
}
TEXT
      sed -i "1i import { CreateMoods1799000000000 } from './1799000000000-create-moods.ts';" src/database/migrations/index.ts
      sed -i 's/^];/  CreateMoods1799000000000,\\n];/' src/database/migrations/index.ts`;
  const changes: Record<string, string> = {
    '1.0.1': 'true',
    '1.1.0': migration,
    // Not loaded, but with other code.
    '1.2.0': 'sed -i "1i // another one" node_modules/.pnpm/tsgi@*/node_modules/tsgi/dist/version.js',
    '2.0.0': broken('throw new Error("a module is missing");'),
    '2.1.0': `${migration}\n${broken('if (process.env.TSGI_WORKER !== "0") throw new Error("the port is missing");')}`,
  };
  for (const [version, change] of Object.entries(changes)) {
    const name = `movie-quotes-${version}`;
    // Files are shared with the tree, so each that changes is another file then, as sed makes one.
    await command('cp', '-al', tree, join(folder, name));
    await command('sh', '-ec', `cd "$0" && ${change}\nrm VERSION && echo ${version} > VERSION`, join(folder, name));
    await pack(folder, version);
    await rm(join(folder, name), { recursive: true });
  }
  await rm(tree, { recursive: true });

  // One that has all the names, and a package with machine code for AArch64.
  const other = join(folder, 'movie-quotes-3.0.0');
  await mkdir(join(other, 'node_modules/.bin'), { recursive: true });
  const elf = Buffer.alloc(64);
  elf.write('\x7fELF');
  elf.writeUInt16LE(183, 18);
  await writeFile(join(other, 'node_modules/addon.node'), elf);
  for (const file of [
    'gateway.ts',
    'tsgi.config.ts',
    'package.json',
    'node_modules/.bin/tsgi',
    'node_modules/.bin/quotes',
  ])
    await writeFile(join(other, file), '');
  await mkdir(join(other, 'systemd'));
  await mkdir(join(other, 'nginx'));
  await writeFile(join(other, 'VERSION'), '3.0.0\n');
  await pack(folder, '3.0.0');
}

const nameOf = (version: string) => `movie-quotes-${version}-linux-x64`;
const tarball = (version: string) => `/srv/releases/${nameOf(version)}.tar.gz`;

async function pack(folder: string, version: string): Promise<void> {
  const script = `cd "$0" && tar -c --owner=0 --group=0 movie-quotes-${version} | gzip -1 > ${nameOf(version)}.tar.gz &&
    sha256sum ${nameOf(version)}.tar.gz > ${nameOf(version)}.tar.gz.sha256`;
  await command('sh', '-c', script, folder);
}

async function command(...[program, ...args]: [string, ...string[]]): Promise<void> {
  const { status, stdout, stderr } = await run(program, args, ROOT);
  if (status !== 0) throw new Error(`${program}: ${stdout}${stderr}`);
}

/** What 60 clients get through Nginx from the database, while `work` is done. */
async function under60Clients(t: Test, machine: Container, what: string, work: () => Promise<unknown>): Promise<void> {
  await machine.sh('rm -f /run/load');
  const script = '/srv/tsgi/test/e2e/fixtures/load.mjs 80 60 /api/v1/quotes/random 100';
  const load = machine.sh(`echo $$ > /run/load && exec node ${script}`);
  await machine.until('cat /run/load', (pid) => pid !== '');
  const began = performance.now();
  try {
    await work();
  } finally {
    await machine.try('kill $(cat /run/load)');
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const { answers, failures } = JSON.parse(await load);
  t.strictSame(failures, {}, `${what}: no request failed`);
  t.comment(`${what}: ${seconds} s, ${answers} requests answered, 0 failed`);
}

async function byHand(t: Test, machine: Container): Promise<void> {
  const steps = blocks(PAGE).filter(({ language, listing }) => language === 'sh' && listing);
  const follow = async (tag: string, version: string) => {
    const found = steps.filter(({ tags }) => tags.includes(tag) && !tags.includes('internet'));
    t.ok(found.length > 0, `the page has steps of the kind ${tag}`);
    for (const { code, line } of found) {
      await machine.write('/run/step', code);
      const { status, stdout, stderr } = await machine.try(`version=${version} bash -eu -o pipefail /run/step`);
      t.equal(status, 0, `${PAGE}:${line}${status === 0 ? '' : `\n${stdout}${stderr}`}`);
    }
  };
  const units = ['service', 'socket'].map((kind) => `/etc/systemd/system/movie-quotes.${kind}`).join(' ');

  await machine.sh('cp /srv/releases/movie-quotes-1.0.* /root');
  await follow('step', '1.0.0');
  t.match(await machine.sh('curl --silent http://127.0.0.1/info'), /"connectingAddress":"unix"/);
  t.equal(await machine.sh('systemctl is-enabled movie-quotes.socket movie-quotes nginx | sort -u'), 'enabled');
  t.equal(await machine.sh(`systemd-analyze verify ${units} 2>&1`), '');
  for (const [from, most] of [
    ['tcp/', 1.5],
    ['', 0.5],
  ] as const) {
    await machine.sh(
      `mkdir -p /run/unit && cp /opt/movie-quotes/current/systemd/${from}movie-quotes.service /run/unit`,
    );
    const said = await machine.sh('systemd-analyze security --no-pager --offline=yes /run/unit/movie-quotes.service');
    const rating = Number(/: ([\d.]+) \w+ *\S*$/.exec(said)?.[1]);
    t.ok(rating > 0 && rating <= most, `systemd/${from}movie-quotes.service is exposed by ${rating}`);
  }

  await machine.sh(`echo ${PATIENT} >> /etc/movie-quotes/env && systemctl restart movie-quotes`);
  await under60Clients(t, machine, 'systemctl reload', () => machine.sh('systemctl reload movie-quotes'));
  await under60Clients(t, machine, 'systemctl restart', () => follow('restart', ''));
  await follow('release', '1.0.1');
  await under60Clients(t, machine, 'upgrade by hand', async () => {
    await follow('new', '1.0.1');
    await follow('upgrade', '1.0.1');
  });
  await under60Clients(t, machine, 'rollback by hand', () => follow('rollback', '1.0.0'));
  await machine.sh('test -x /opt/movie-quotes/current/deploy/backup').then(
    () => follow('backup', ''),
    () => t.comment('this release has no deploy/backup'),
  );

  await t.test('with a monitor, as docs/observability.md says', async (t) => {
    await machine.sh(`sudo() { "$@"; }; set -e; ${MONITOR}`);
    t.match(await machine.sh('ss -Hltn sport = :9000'), /127\.0\.0\.1:9000/);
  });

  await t.test('with HTTPS', async (t) => {
    const live = '/etc/letsencrypt/live/quotes.example.org';
    const files = `-keyout ${live}/privkey.pem -out ${live}/fullchain.pem`;
    await machine.sh(`apt-get install -yq --no-install-recommends openssl && mkdir -p ${live} /var/www/letsencrypt`);
    await machine.sh(`openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=quotes.example.org ${files} 2>&1`);
    await follow('tls', '');
    t.match(await machine.sh(`${READY.replace('http:', 'https:')} --insecure`), /"ready"/);
    t.match(await machine.sh('curl --silent --head http://127.0.0.1/'), /^HTTP\/1.1 308/);
  });

  await t.test('and then by the script', async (t) => {
    const said = await machine.sh(`${VM} upgrade ${tarball('1.0.1')}`);
    t.match(said, /1\.0\.1 serves/);
    t.match(await machine.sh('curl --silent http://127.0.0.1:9000/readyz'), /"ready"/, 'and the monitor is there');
    t.equal(
      await machine.sh(
        'cd /etc/systemd/system && cmp movie-quotes.service /opt/movie-quotes/current/systemd/tcp/movie-quotes.service 2>&1',
      ),
      '',
    );
    t.match(await machine.sh(`${VM} status`), /release +1\.0\.1\n[\s\S]*movie-quotes\.conf[\s\S]*answers +yes/);
  });

  await t.test('after the machine was started again', async () => {
    await command('docker', 'restart', machine.name);
    await booted(machine);
    await machine.until(`${READY.replace('http:', 'https:')} --insecure`, (answer) => answer.includes('"ready"'));
  });
}

async function byScript(t: Test, machine: Container): Promise<void> {
  const install = `/root/vm install --node /root/${NODE}.tar.xz`;
  const files = "find /etc /opt /usr/local /var/lib/movie-quotes -printf '%p %l %T@ %m %u\n' 2>/dev/null | sort";
  const current = () => machine.sh('readlink /opt/movie-quotes/current');
  /** The script ends with a line that says `why`. */
  const refuses = async (t: Test, script: string, why: RegExp) => {
    const { status, stdout, stderr } = await machine.try(script);
    t.ok(status !== 0 && status !== null, script, { stdout });
    t.match(
      stderr
        .trimEnd()
        .split('\n')
        .filter((line) => line.startsWith('vm: '))[0],
      why,
      stderr,
    );
  };
  await machine.sh(`tar -xzf ${tarball('1.0.0')} -C /root --strip-components 2 movie-quotes-1.0.0/deploy/vm`);

  await t.test('refuses what cannot come to anything, and changes nothing', async (t) => {
    const before = await machine.sh(files);
    const one = tarball('1.0.0');
    await refuses(t, 'runuser -u nobody -- bash -s status < /root/vm', /not installed here/);
    await refuses(t, `cp /root/vm /tmp && runuser -u nobody -- bash /tmp/vm install ${one}`, /must be run as root/);
    await refuses(t, '/root/vm upgrade', /which release\?/);
    await refuses(t, `/root/vm upgrade ${one}`, /not installed here\. .* install TARBALL/);
    await refuses(t, `${install} /root/none.tar.gz`, /there is no file/);
    await refuses(t, `cp ${one} /tmp && ${install} /tmp/${nameOf('1.0.0')}.tar.gz`, /copy it here as well/);
    await machine.sh(`cp ${one}.sha256 /tmp && truncate -s -1 /tmp/${nameOf('1.0.0')}.tar.gz`);
    await refuses(t, `${install} /tmp/${nameOf('1.0.0')}.tar.gz`, /is not what its \.sha256 says: copy both again/);
    await machine.sh(
      'cd /tmp && rm -f *.gz* && tar -czf a.tar.gz /etc/hostname 2>&1 && sha256sum a.tar.gz > a.tar.gz.sha256',
    );
    await refuses(t, `${install} /tmp/a.tar.gz`, /is no release of Movie Quotes/);
    await machine.sh('mount -t tmpfs -o size=20m tmpfs /opt');
    await refuses(t, `${install} ${one}`, /the disk of \/opt has \d+ MB left, and the release needs \d+: make room/);
    await machine.sh(
      'umount /opt && cp /etc/os-release /tmp/os && echo ID=ubuntu >> /tmp/os && mount --bind /tmp/os /etc/os-release',
    );
    await refuses(t, `${install} ${one}`, /written for Debian 12 and 13/);
    await machine.sh('umount /etc/os-release');
    t.match(
      await machine.sh(`${install} --dry-run ${one}`),
      /would run: apt-get install .*nginx[\s\S]*would run: systemctl/,
    );
    t.equal(await machine.sh(files), before);
  });

  await t.test('completes what was cut short, wherever that was', async (t) => {
    await machine.write('/etc/movie-quotes/env', `DATABASE_FILE=movie-quotes.sqlite\n${PATIENT}\n`);
    // A disk that is full while it is written to: there is room, and no inode for another file.
    await machine.sh('mount -t tmpfs -o size=400m,nr_inodes=300 tmpfs /opt');
    await refuses(t, `${install} ${tarball('1.0.0')}`, /was not unpacked .* run it again/);
    await machine.sh('umount /opt');
    await refuses(t, `${install} ${tarball('3.0.0')}`, /made for another processor/);
    for (const moment of [
      'test -e /opt/movie-quotes/releases/.unpacking/movie-quotes-1.0.0/package.json',
      'test -e /opt/movie-quotes/unfinished',
      'test -e /opt/movie-quotes/current',
    ]) {
      await machine.sh(
        `setsid sh -c '${install} ${tarball('1.0.0')} > /tmp/said 2>&1' & until ${moment}; do sleep 0.01; done; kill -9 -$!`,
      );
    }
    await machine.sh('systemctl stop nginx && systemd-run --quiet --unit=other systemd-socket-activate -l 80 cat');
    await refuses(t, `${install} ${tarball('1.0.0')}`, /port 80 is taken by systemd\S* \(process \d+\)/);
    await machine.sh('systemctl stop other && systemctl start nginx');
    t.match(await machine.sh(`${install} --ufw ${tarball('1.0.0')}`), /1\.0\.0 serves/);
    t.match(await machine.sh('ufw status'), /Status: active[\s\S]*80,443\/tcp +ALLOW/);
    t.match(await machine.sh(READY), /"ready"/);
    t.equal(await machine.sh('stat --format "%a %U %G" /etc/movie-quotes/env'), '640 root movie-quotes');
    t.equal(await machine.sh('readlink /usr/local/bin/node'), `/usr/local/lib/${NODE}/bin/node`);
  });

  await t.test('does nothing where nothing is to be done', async (t) => {
    const before = await machine.sh(
      `${files} | grep -v sqlite; systemctl show -P MainPID -P StatusText movie-quotes nginx`,
    );
    t.match(await machine.sh(`${install} ${tarball('1.0.0')}`), /there is nothing to do/);
    t.equal(
      await machine.sh(`${files} | grep -v sqlite; systemctl show -P MainPID -P StatusText movie-quotes nginx`),
      before,
    );
    t.match(await machine.sh('quotes migrate'), /^done/);
  });

  await t.test('lets other releases serve, and fails no request', async (t) => {
    const vm = async (line: string) => t.comment(await machine.sh(`${VM} ${line} 2>&1`));
    const refused = (line: string, why: RegExp) => refuses(t, `${VM} ${line}`, why);
    await under60Clients(t, machine, 'upgrade in a session that breaks off', async () => {
      await machine.sh(
        `setsid sh -c '${VM} upgrade ${tarball('1.1.0')} > /tmp/said 2>&1' & until [ "$(readlink /opt/movie-quotes/current)" = releases/1.1.0 ] || ! kill -0 $!; do sleep 0.01; done; kill -HUP -$!`,
      );
      await machine.until('journalctl --identifier=movie-quotes-vm', (said) => said.includes('1.0.0 serves'));
      await machine.sh('flock --timeout 60 /run/movie-quotes-vm.lock true');
    });
    t.equal(await current(), 'releases/1.0.0');
    t.notMatch(await machine.sh('quotes migrate'), /CreateMoods/);
    await under60Clients(t, machine, 'upgrade with a migration', () => vm(`upgrade ${tarball('1.1.0')}`));
    t.equal(await current(), 'releases/1.1.0');
    await refused('rollback', /1\.0\.0 does not know the database of 1\.1\.0/);
    await machine.sh('mount -t tmpfs -o ro tmpfs /var/lib/movie-quotes-backups');
    await refused('rollback --migrate-down', /there is no backup/);
    await machine.sh('umount /var/lib/movie-quotes-backups');
    t.equal(await current(), 'releases/1.1.0');
    const backups = async () => Number(await machine.sh('ls /var/lib/movie-quotes-backups | wc -l'));
    const made = await backups();
    await under60Clients(t, machine, 'rollback with its migration', () => vm('rollback --migrate-down'));
    t.equal(await backups(), made + 1, 'after a backup');
    t.equal(await current(), 'releases/1.0.0');
    await under60Clients(t, machine, 'upgrade to a release that cannot start', () =>
      refused(`upgrade ${tarball('2.0.0')}`, /2\.0\.0 does not answer GET \/readyz/),
    );
    await under60Clients(t, machine, 'upgrade to one that cannot start where it serves', () =>
      refused(`upgrade ${tarball('2.1.0')}`, /2\.1\.0 did not start: .*the port is missing/),
    );
    t.equal(await current(), 'releases/1.0.0');
    t.notMatch(await machine.sh('quotes migrate'), /CreateMoods/, 'and what it did to the database is taken back');
    await under60Clients(t, machine, 'upgrade of TSGI, by a restart', () => vm(`upgrade ${tarball('1.2.0')} --keep 2`));
    t.equal(await current(), 'releases/1.2.0');
    t.equal(await machine.sh('ls /opt/movie-quotes/releases'), '1.0.0\n1.2.0', 'of five releases two are kept');
    t.match(await machine.sh(`runuser -u nobody -- ${VM} status`), /from 1\.2\.0, [\s\S]*answers +yes/);
    t.match((await machine.try('/opt/movie-quotes/current/deploy/as-service')).stderr, /^usage: as-service COMMAND/);
  });

  await t.test('leaves what others made', async (t) => {
    const site = '/etc/nginx/sites-enabled/other';
    await machine.write(site, 'server { listen 80; server_name other.example; return 204; }');
    await machine.write('/etc/nginx/sites-enabled/wrong', 'server { listen 80; no_such_thing; }');
    await refuses(t, `${VM} upgrade ${tarball('1.0.1')}`, /nginx -t finds this fault .*Nginx/);
    t.match(await machine.sh(READY), /"ready"/);
    await machine.sh(
      'rm /etc/nginx/sites-enabled/wrong && echo "# mine" >> /etc/nginx/snippets/movie-quotes/limits.conf',
    );
    t.match(
      await machine.sh(`${VM} upgrade ${tarball('1.0.1')}`),
      /limits\.conf was changed on this machine, and stays/,
    );
    t.match(await machine.sh(`${VM} uninstall --dry-run`), /would run: rm -rf \/opt\/movie-quotes/);
    await machine.sh('systemctl enable --now movie-quotes@1.socket 2>&1');
    await machine.sh(`${VM} uninstall`);
    t.equal(await machine.sh('systemctl list-units --plain --no-legend "movie-quotes*"'), '');
    t.equal(
      await machine.sh('ls /etc/nginx/sites-enabled; ls /opt; find /etc -name "*movie-quotes*"'),
      'other\n/etc/nginx/snippets/movie-quotes\n/etc/movie-quotes',
    );
    t.equal(await machine.sh('systemctl is-active nginx'), 'active');
    t.match(
      await machine.sh('ls /var/lib/movie-quotes /var/log/movie-quotes'),
      /movie-quotes\.sqlite[\s\S]*app_logs\.log/,
    );
  });
}
