// Serves the application on TSGI_BIND, a TCP address or a Unix socket, until it is told to stop.

import { listen as listenOnTcp } from '@tsgi/adapter-node';
import { listen as listenOnSocket } from '@tsgi/adapter-unix-socket';
import { parseBind, printBind, TsgiError } from '@tsgi/core';
import { application } from './app.ts';

try {
  const bind = parseBind(process.env.TSGI_BIND ?? '127.0.0.1:8000');
  const server = await (bind.kind === 'tcp' ? listenOnTcp : listenOnSocket)(application, bind);
  console.log(`Listening on ${printBind(server.address)}`);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.drain());
} catch (error) {
  // A bind that cannot be served is a mistake of who started this, so it ends with one line that says what to do.
  if (!(error instanceof TsgiError)) throw error;
  console.error(`${error.message}: ${error.todo}`);
  process.exitCode = error.exit;
}
