// How a case knows that nothing more will happen: by what a server does meanwhile, never by the clock.

import type { Server } from '../stage.ts';

/** Round trips on other connections. What has not happened after as many turns of the server's loop is not under way. */
const TURNS = 20;

/** Resolves when `value` has not changed over some round trips; gives it. Rejects where it never rests. */
export async function settled(server: Server, value: () => number): Promise<number> {
  for (let i = 0; i < 1000; i++) {
    const before = value();
    await turns(server);
    if (value() === before) return before;
  }
  throw new Error('it never comes to rest');
}

/** Some round trips on other connections. */
export async function turns(server: Server): Promise<void> {
  for (let i = 0; i < TURNS; i++) await server.request({});
}
