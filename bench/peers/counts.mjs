// How many requests a worker has been asked, for whoever measures it: a file a worker in the folder BENCH_COUNTS, which
// is written when the number has changed, every 20 ms. A timer does not suffice: where requests wait, it comes late.

import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

const EVERY = 20;

/** Gives the function that counts one request. */
export function counted() {
  // Workers are processes with most servers, and threads with Watt.
  const file = openSync(join(process.env.BENCH_COUNTS, `${process.pid}-${threadId}`), 'w');
  let count = 0;
  let written = -1;
  let next = 0;
  const write = () => {
    next = performance.now() + EVERY;
    if (count === written) return;
    written = count;
    writeSync(file, String(count), 0);
  };
  write();
  setInterval(write, EVERY).unref();
  return () => {
    count++;
    if (performance.now() >= next) write();
  };
}
