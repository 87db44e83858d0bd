// tsgi serve: resolves the settings and runs the arbiter with them.

import { runArbiter } from '../arbiter/run.ts';
import { applicationOf, resolveSettings } from '../settings/resolve.ts';
import { type AddCommand, type Flags, withApp, withSettings } from './command.ts';

export const addServe: AddCommand = (program, end) => {
  withSettings(program.command('serve').description('Serve an application.')).action(
    async (app: string | undefined, flags: Flags) => end(await serve(withApp(app, flags))),
  );
};

/** Serves until it is told to stop. Resolves to the exit status. */
async function serve(flags: Flags): Promise<number> {
  const sources = { flags, env: { ...process.env }, cwd: process.cwd() };
  const resolve = async () => {
    const resolved = await resolveSettings(sources);
    applicationOf(resolved);
    return resolved;
  };
  return runArbiter(await resolve(), resolve);
}
