// Makes sockets listen before any worker does, so that whoever connects while the application does not start yet waits
// in the backlog and is not refused.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

// A socket goes on listening for as long as anyone has it open. This program has nothing accepted: it ends in the turn
// of the event loop in which it listens.
const LISTEN = `
  const [backlog, ...fds] = process.argv.slice(1).map(Number);
  let waiting = fds.length;
  for (const fd of fds) require('node:net').createServer().listen({ fd, backlog }, () => --waiting || process.exit());
`;

const FIRST = 3;

/** Lets each of `sockets` listen. Where one cannot, its worker will say so. */
export async function listenEarly(sockets: readonly { readonly fd: number }[], backlog: number): Promise<void> {
  const fds = sockets.map((_, i) => String(FIRST + i));
  const child = spawn(process.execPath, ['--eval', LISTEN, String(backlog), ...fds], {
    stdio: ['ignore', 'ignore', 'ignore', ...sockets.map(({ fd }) => fd)],
    env: {},
  });
  await once(child, 'close');
}
