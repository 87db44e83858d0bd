// tsgi as the first process of a container: as many workers as its quota allows, and an orderly end.

import { test } from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { Container, missing, TSGI } from './container.ts';

const IMAGE = 'node:26-bookworm-slim';
const APP = '/srv/tsgi/test/e2e/fixtures/pid.mjs:app';

test('as PID 1 it starts a worker for each processor of its quota, and docker stop ends it well', {
  skip: missing(IMAGE),
}, async (t) => {
  const script = `exec ${TSGI} serve ${APP} --bind 127.0.0.1:8000 --workers auto`;
  const container = await Container.start(t, IMAGE, ['--cpus=1'], ['sh', '-c', script]);
  const status = `${TSGI} status --json`;
  let report = await container.try(status);
  while (report.status === 4) report = await container.try(status);
  await container.sh(`until ${TSGI} status --json | grep -q '"state": *"serving"'; do :; done`);
  const { pid, wanted } = JSON.parse(await container.sh(status)) as { pid: number; wanted: number };
  t.equal(pid, 1);
  t.equal(wanted, 1);
  t.equal((await run('docker', ['stop', '--time', '20', container.name], ROOT)).status, 0);
  const { stdout } = await run('docker', ['inspect', '--format', '{{.State.ExitCode}}', container.name], ROOT);
  t.equal(stdout.trim(), '0');
});
