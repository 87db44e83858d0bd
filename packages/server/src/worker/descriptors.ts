// Notices that a worker is out of file descriptors. libuv then closes every connection that comes, so that they do not
// wait for ever, and tells nobody: without a line in the log it looks like a network that fails.

import { closeSync, openSync } from 'node:fs';
import type { Log } from '@tsgi/core';

/** Asks whether there is a descriptor to be had, each time that it is called, and logs when that changes. */
export function watchDescriptors(worker: number, log: Log): () => void {
  let out = false;
  return () => {
    const wasOut = out;
    out = !canOpen();
    if (out && !wasOut)
      log.error(
        { code: 'EMFILE' },
        `worker ${worker} is out of file descriptors: what needs one fails, connections are closed; raise LimitNOFILE`,
      );
    if (wasOut && !out) log.info({}, `worker ${worker} has file descriptors again`);
  };
}

function canOpen(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'EMFILE' && code !== 'ENFILE';
  }
}
