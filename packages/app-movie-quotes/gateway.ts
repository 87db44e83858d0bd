// The composition root: Movie Quotes as a gateway application. The one source file that knows of TSGI; the application
// itself sees a Host.

import { fromFastify } from '@tsgi/bridge-node';
import type { Application, Context, GatewayRequest } from '@tsgi/core';
import { type AppOptions, createApp, type Host } from './src/index.ts';

/** Makes the application. The database is opened and the pages are made when it starts, and not before. */
export function createApplication(options: Omit<AppOptions, 'host'> = {}): Application {
  let served: Application | undefined;
  return {
    async start(context) {
      served = fromFastify(createApp({ ...options, host: hostOf(context) }));
      await served.start?.(context);
    },
    handle(request, context) {
      if (served === undefined) throw new Error('start() comes before the first request');
      return served.handle(request, context);
    },
    async stop() {
      await served?.stop?.();
    },
  };
}

function hostOf(context: Context): Host {
  const binds = process.env.TSGI_LISTENING?.split(',').filter((bind) => bind !== '') ?? [];
  const kinds = new Set(binds.map((bind) => (bind.startsWith('unix:') ? 'Unix socket' : 'TCP')));
  return {
    name: context.name,
    adapter: [...kinds].join(' and '),
    binds,
    worker: context.worker,
    generation: context.generation,
    draining: context.draining,
    setReady: (ready, reason) => context.setReady(ready, reason),
    peerOf(request) {
      // The bridge's req carries the gateway's own request.
      const { peer } = (request as unknown as { readonly gateway: GatewayRequest }).gateway;
      return peer.kind === 'ip' ? `${peer.address}:${peer.port}` : 'unix';
    },
  };
}
