#!/usr/bin/env node
// The command tsgi. USR1 has its handler before anything else is loaded: without one, it opens a debugger. No `env -S`
// above, to pass node an option: BusyBox has none.

import net from 'node:net';

process.on('SIGUSR1', () => {});
if ('BoundSocket' in net) {
  // The next command takes what was compiled once from the disk: a third of the time of `tsgi status`.
  const { cacheCompiledCode } = await import('./compile-cache.ts');
  cacheCompiledCode();
  const { main } = await import('./cli/program.ts');
  process.exitCode = await main(process.argv);
} else {
  process.stderr.write(
    `tsgi: this is Node ${process.version}; run it by Node 26.10, or 24.21, or later ones of these\n`,
  );
  process.exitCode = 1;
}
