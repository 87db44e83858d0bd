// A worker process: loads the application, starts it, accepts when it is told to, drains when it is told to or when its
// arbiter is gone.

import { setSourceMapsSupport } from 'node:module';
import type { Envelope, FromWorker, ToWorker } from '../arbiter/messages.ts';
import { cacheCompiledCode } from '../compile-cache.ts';

// Before anything else is loaded: the next worker, and the next start, take what was compiled once from the disk.
cacheCompiledCode();
// The application's own maps: those of its packages are megabytes that its stacks seldom need.
setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
const { Worker } = await import('./worker.ts');

// A terminal sends INT to the whole group; what follows from it is the arbiter's to say. Someone who sends TERM to a
// worker means it.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send({ tsgi: message } satisfies Envelope, undefined, undefined, () => resolve());
  });
}

let worker: InstanceType<typeof Worker> | null = null;

process.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'boot':
      worker = new Worker(message, send);
      void worker.boot();
      break;
    case 'accept':
      void worker?.accept();
      break;
    case 'drain':
      void worker?.drain(message.delay, message.graceful);
      break;
    case 'quit':
      void worker?.quit();
      break;
    case 'shed':
      worker?.shed(message.connections);
      break;
    case 'reopen':
      worker?.reopen();
      break;
  }
});

process.on('SIGTERM', () => void worker?.drain());
// The arbiter is gone. Nobody would replace this worker or reload it, and its socket must be free for the next one.
process.on('disconnect', () => void worker?.drain());

// An application that listens for uncaught errors decides for itself; for all others this is the end, as in Node.
process.on('uncaughtException', (error: unknown, origin) => {
  if (process.listenerCount('uncaughtException') > 1) return;
  worker?.crash(error, origin);
  process.exit(1);
});
process.on('exit', () => worker?.lastWords());
