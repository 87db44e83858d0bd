// What signals mean to the arbiter. The table is Gunicorn's, so that habits and process managers carry over.

import type { Arbiter } from './arbiter.ts';

/** Answers signals until the function that it gives is called. `dev` ends with its terminal, which sends HUP. */
export function handleSignals(arbiter: Arbiter, dev: boolean): () => void {
  const handlers: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGTERM: () => arbiter.stop('graceful'),
    SIGINT: () => arbiter.stop('fast'),
    SIGQUIT: () => arbiter.stop('fast'),
    SIGHUP: () => (dev ? arbiter.stop('fast') : void arbiter.reload()),
    SIGUSR1: () => arbiter.reopen(),
    SIGTTIN: () => void arbiter.scale(arbiter.status().wanted + 1),
    SIGTTOU: () => void arbiter.scale(Math.max(1, arbiter.status().wanted - 1)),
    SIGWINCH: () => arbiter.windDown(),
  };
  const entries = Object.entries(handlers) as [NodeJS.Signals, () => void][];
  for (const [signal, handler] of entries) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of entries) process.removeListener(signal, handler);
  };
}
