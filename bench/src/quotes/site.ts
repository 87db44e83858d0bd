// Movie Quotes under `tsgi serve`, in processes of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cpuOf, pssOf, treeOf } from '../peers/process-tree.ts';

const CLI = fileURLToPath(new URL('cli.ts', import.meta.resolve('tsgi')));
const CONFIG = fileURLToPath(new URL('../tsgi.config.ts', import.meta.resolve('@tsgi/app-movie-quotes')));
const GATEWAY = fileURLToPath(new URL('../gateway.ts', import.meta.resolve('@tsgi/app-movie-quotes')));

export interface Site {
  readonly port: number;
  /** Microseconds of CPU time that all its processes have taken. */
  cpu(): number;
  /** Bytes of memory of all its processes (PSS). */
  memory(): number;
  stop(): Promise<void>;
}

/** Starts it on a free port; resolves when it serves. */
export async function startSite(workers: number, environment: NodeJS.ProcessEnv, folder: string): Promise<Site> {
  const words = ['serve', `${GATEWAY}:createApplication()`, '--config', CONFIG, '--bind', '127.0.0.1:0'];
  words.push('--workers', String(workers), '--control-socket', 'off', '--access-logfile', 'off');
  const child = spawn(process.execPath, ['--conditions=@tsgi/source', CLI, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production', LOG_REQUESTS: 'false', ...environment },
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  const gone = once(child, 'exit');
  const port = await new Promise<number>((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000);
      const found = /"msg":"serving 127\.0\.0\.1:(\d+)"/.exec(output);
      if (found !== null) resolve(Number(found[1]));
    });
    gone.then(() => reject(new Error(`Movie Quotes cannot be served: ${output}`)));
  });
  const pid = child.pid as number;
  return {
    port,
    cpu: () => cpuOf(treeOf([pid])),
    memory: () => pssOf(treeOf([pid])),
    async stop() {
      child.kill('SIGTERM');
      await gone;
      process.removeListener('exit', kill);
    },
  };
}
