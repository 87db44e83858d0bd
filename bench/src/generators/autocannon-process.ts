// autocannon in a process of its own, so that it has its core for itself. Options come in and the result goes out by IPC.

import { createRequire } from 'node:module';

// It ships no types, and these are all that is used of it.
type Instance = { stop(): void };
type Run = (options: object, done: (error: Error | null, result: object) => void) => Instance;
const autocannon: Run = createRequire(import.meta.url)('autocannon');

let instance: Instance | undefined;

process.on('message', (message: object | 'stop') => {
  if (typeof message === 'object') {
    // It ends by `stop`, which it looks at once an interval of sampling; the duration is for the case that nobody stops it.
    instance = autocannon({ ...message, duration: 600, sampleInt: 100 }, (error, result) => {
      if (error) throw error;
      process.send?.(result, () => process.exit());
    });
  } else instance?.stop();
});
process.on('disconnect', () => process.exit());
