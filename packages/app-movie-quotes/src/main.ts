// The composition root: reads the configuration, puts the application behind the adapter that TSGI_BIND asks for, and
// ends it when it is told to. The only file here that knows about adapters.

import { listen as listenTcp } from '@tsgi/adapter-node';
import { listen as listenSocket } from '@tsgi/adapter-unix-socket';
import { fromFastify } from '@tsgi/bridge-node';
import { type Bind, type Listening, parseBind, printBind, TsgiError } from '@tsgi/core';
import { createApp } from './app.ts';
import { loadConfig } from './config/config.ts';
import { createLogger } from './config/logger.ts';
import { StartError } from './errors.ts';

try {
  await serve();
} catch (error) {
  process.exit(report(error));
}

async function serve(): Promise<void> {
  const config = loadConfig();
  const bind = parseBind(config.bind);
  const log = await createLogger(config.log);
  const application = fromFastify(createApp({ config, logger: log }));
  const listen = bind.kind === 'tcp' ? listenTcp : listenSocket;
  const listening = await listen(application, bind, { log });
  log.info({ bind: printBind(listening.address) }, `serving ${location(listening.address)}`);
  endOnSignals(listening);
}

/** The first signal finishes what is in flight; a second SIGINT cuts it. */
function endOnSignals(listening: Listening): void {
  let draining = false;
  const drain = () => {
    draining = true;
    end(listening.drain());
  };
  process.on('SIGTERM', () => {
    if (!draining) drain();
  });
  process.on('SIGINT', () => {
    if (draining) end(listening.close());
    else drain();
  });
}

function end(ended: Promise<void>): void {
  ended.then(
    () => process.exit(0),
    (error) => process.exit(report(error)),
  );
}

/** What to give to a browser or to curl. */
function location(address: Bind): string {
  return address.kind === 'tcp' ? `http://${printBind(address)}` : printBind(address);
}

/** One line where it is known what to do about it, a stack where it is a defect. Returns the exit status. */
function report(error: unknown): number {
  if (error instanceof TsgiError || error instanceof StartError) {
    const from = error instanceof TsgiError ? 'tsgi' : 'movie-quotes';
    process.stderr.write(`${from}: ${error.message}; ${error.todo}\n`);
    return error.exit || 1;
  }
  process.stderr.write(`movie-quotes: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}
