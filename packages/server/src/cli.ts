#!/usr/bin/env node
// The command tsgi. USR1 has its handler before anything else is loaded: without one, it opens a debugger.

process.on('SIGUSR1', () => {});

const { main } = await import('./cli/program.ts');
process.exitCode = await main(process.argv);
