// A server in a process of its own: `node serve.ts BIND [OPTIONS]`. It answers with its process id, says on standard
// output where it listens, drains on SIGTERM, and ends as a program should whose bind is wrong: one line, exit status 2.

import { execFileSync } from 'node:child_process';
import { listen, type UnixSocketOptions } from '@tsgi/adapter-unix-socket';
import { type Application, TsgiError } from '@tsgi/core';

const application: Application = {
  handle(request) {
    if (request.target === '/exit') process.exit(0);
    if (request.target === '/again')
      return listen(application, bind).then(
        () => reply('served'),
        (error) => reply(error.code),
      );
    if (request.target === '/environment') return reply(JSON.stringify(process.env));
    // What a child process of the application has open.
    if (request.target === '/child') return reply(execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }));
    return reply(String(process.pid));
  },
};

function reply(body: string): { status: number; headers: string[]; body: string } {
  return { status: 200, headers: ['Content-Type', 'text/plain'], body };
}

const [bind = '', options = '{}'] = process.argv.slice(2);
try {
  const listening = await listen(application, bind, JSON.parse(options) as UnixSocketOptions);
  process.once('SIGTERM', () => listening.drain());
  console.log(JSON.stringify(listening.address));
} catch (error) {
  if (!(error instanceof TsgiError)) throw error;
  console.log(`${error.code}: ${error.message}; ${error.todo}`);
  process.exitCode = error.exit;
}
