// A MariaDB in a container, for as long as the bench runs; where there is no Docker or no image of it, its rows are missing.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { cpuOf, treeOf } from '../peers/process-tree.ts';

const run = promisify(execFile);
const IMAGE = 'mariadb:11.8';

export interface Mariadb {
  readonly url: string;
  /** Microseconds of CPU time that it has taken. */
  cpu(): number;
  stop(): Promise<void>;
}

/** Starts it; null where that cannot be done. Who connects waits until it is up. */
export async function startMariadb(): Promise<Mariadb | null> {
  const password = randomBytes(12).toString('hex');
  const name = `movie-quotes-bench-${process.pid}`;
  const variables = ['-e', `MARIADB_ROOT_PASSWORD=${password}`, '-e', 'MARIADB_DATABASE=quotes'];
  try {
    await run('docker', ['image', 'inspect', IMAGE]);
    await run('docker', ['run', '--rm', '-d', '--name', name, '-p', '127.0.0.1::3306', ...variables, IMAGE]);
    const { stdout: port } = await run('docker', ['port', name, '3306']);
    const { stdout: pid } = await run('docker', ['inspect', '--format', '{{.State.Pid}}', name]);
    return {
      url: `mariadb://root:${password}@${port.trim().split('\n')[0]}/quotes`,
      cpu: () => cpuOf(treeOf([Number(pid)])),
      async stop() {
        await run('docker', ['rm', '--force', '--volumes', name]);
      },
    };
  } catch {
    await run('docker', ['rm', '--force', '--volumes', name]).catch(() => {});
    return null;
  }
}
