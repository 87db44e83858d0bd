// The monitor: /livez, /readyz and /metrics, answered in the arbiter's own process on binds of their own. They never
// queue behind the application's traffic, and answer while every worker hangs.
//
// It is served by the adapters that serve applications, with narrow limits: what a bind may be, the safe way to a Unix
// socket's path, and an answer for every kind of rubbish are theirs already.

import { listen as listenTcp, type NodeListening } from '@tsgi/adapter-node';
import { listen as listenUnix, type UnixSocketOptions } from '@tsgi/adapter-unix-socket';
import { type Application, type GatewayResponse, type Log, parseBind, printBind } from '@tsgi/core';
import type { StartService } from '../arbiter/service.ts';
import { type Readiness, readinessOf } from './readiness.ts';
import { Tally } from './tally.ts';

/** A scraper, an orchestrator, a load balancer and somebody with curl need a few connections, for a moment. */
const LIMITS: NonNullable<UnixSocketOptions['limits']> = {
  requestLine: 2048,
  headerBytes: 8192,
  headerCount: 50,
  bodyBytes: 0,
  headerTime: 5000,
  bodyTime: 5000,
  connections: 64,
};

/** Milliseconds that an idle connection stays. Scrapers come back every 10 to 60 s, and none should hold one of the few. */
const KEEP_ALIVE = 5000;

/** Milliseconds for which a page of metrics is good: a flood costs the arbiter no more than ten of them a second. */
const FRESH = 100;

/** Starts the monitor, where the settings have a bind for it. */
export const startMonitor: StartService = async (arbiter, { settings }, log) => {
  if (settings.monitorBind.length === 0) return null;
  // Loaded where it is asked for: an arbiter without a monitor stays small.
  const { CONTENT_TYPE, render } = await import('./metrics.ts');
  const tally = new Tally();
  let page: Promise<string> | null = null;
  let takenAt = 0;
  const metrics = (): Promise<string> => {
    if (page === null || performance.now() - takenAt >= FRESH) {
      takenAt = performance.now();
      page = render(tally.snapshot(arbiter));
    }
    return page;
  };

  const application: Application = {
    async handle({ method, target }) {
      const path = target.split('?', 1)[0];
      if (path !== '/livez' && path !== '/readyz' && path !== '/metrics') return text(404, 'Not Found\n');
      if (method !== 'GET' && method !== 'HEAD') return text(405, 'Method Not Allowed\n', ['Allow', 'GET, HEAD']);
      if (path === '/livez') return text(200, 'ok\n');
      if (path === '/readyz') return ready(readinessOf(arbiter.status()));
      return answer(200, CONTENT_TYPE, await metrics());
    },
  };

  const servers: NodeListening[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  const options: UnixSocketOptions = {
    name: settings.name,
    log: quiet(log),
    limits: LIMITS,
    keepAlive: KEEP_ALIVE,
    mode: 0o660,
    takeOver: settings.takeOver,
  };
  try {
    for (const bind of settings.monitorBind) {
      const listen = parseBind(bind).kind === 'tcp' ? listenTcp : listenUnix;
      servers.push(await listen(application, bind, options));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const binds = servers.map(({ address }) => printBind(address));
  log.info({ binds }, `monitor on ${binds.join(', ')}`);
  return { changed: (change) => tally.note(change), close };
};

function ready(readiness: Readiness): GatewayResponse {
  return answer(readiness.ready ? 200 : 503, 'application/json', `${JSON.stringify(readiness)}\n`);
}

function text(status: number, body: string, headers: readonly string[] = []): GatewayResponse {
  return answer(status, 'text/plain; charset=utf-8', body, headers);
}

function answer(status: number, type: string, body: string, headers: readonly string[] = []): GatewayResponse {
  return { status, headers: ['Content-Type', type, 'Cache-Control', 'no-store', ...headers], body };
}

/** What strangers send here is no news for the server's log: rubbish must not fill it. */
function quiet(log: Log): Log {
  const debug = log.debug.bind(log);
  return { debug, info: debug, warn: debug, error: log.error.bind(log) };
}
