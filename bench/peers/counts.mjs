// How many requests a worker has been asked, for whoever measures it: a file a worker in the folder BENCH_COUNTS, which
// is written some 20 ms after a request at the latest.

import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

const EVERY = 20;

/** Gives the function that counts one request. */
export function counted() {
  // Workers are processes with most servers, and threads with Watt.
  const file = openSync(join(process.env.BENCH_COUNTS, `${process.pid}-${threadId}`), 'w');
  let count = 0;
  let due = 0;
  let timer = null;
  const write = () => {
    clearTimeout(timer);
    timer = null;
    writeSync(file, String(count), 0);
  };
  write();
  return () => {
    count++;
    // An idle worker is not woken. In a busy one, where requests wait for each other, a timer alone would come late.
    const now = performance.now();
    if (timer === null) {
      due = now + EVERY;
      timer = setTimeout(write, EVERY).unref();
    } else if (now >= due) write();
  };
}
