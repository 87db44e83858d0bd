// tsgi serve: resolves the settings and runs the arbiter with them.

import { runArbiter } from '../arbiter/run.ts';
import { resolveSettings } from '../settings/resolve.ts';
import type { Flags } from './program.ts';

/** Serves until it is told to stop. Resolves to the exit status. */
export async function serve(flags: Flags): Promise<number> {
  const sources = { flags, env: { ...process.env }, cwd: process.cwd() };
  return runArbiter(await resolveSettings(sources), () => resolveSettings(sources));
}
