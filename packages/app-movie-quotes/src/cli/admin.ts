// quotes admin: the accounts of administrators. A password is never an argument, which every user of the machine can see.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createAdmin, resetAdmin } from '../modules/admin/accounts.ts';
import { BadInput } from '../modules/transfer/bad-input.ts';
import { withDatabase } from './command-database.ts';

export async function create(name: string): Promise<void> {
  const password = await readPassword(name);
  const account = await withDatabase((database) => createAdmin(database, name, password));
  process.stdout.write(`made the administrator ${account}\n`);
}

export async function reset(name: string): Promise<void> {
  const password = await readPassword(name);
  const account = await withDatabase((database) => resetAdmin(database, name, password));
  process.stdout.write(`${account} has a new password\n`);
}

/** From a terminal without an echo and twice, else the first line of standard input. */
async function readPassword(name: string): Promise<string> {
  if (!process.stdin.isTTY) return ((await text(process.stdin)).split('\n')[0] as string).replace(/\r$/, '');
  const password = await ask(`Password for ${name}: `);
  if ((await ask('Once more: ')) === password) return password;
  throw new BadInput('the two passwords differ', 'try again');
}

function ask(question: string): Promise<string> {
  process.stderr.write(question);
  // With `terminal`, readline turns the terminal's own echo off, and writes what it would show into this.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  return new Promise((resolve) => {
    const end = (): void => {
      lines.close();
      process.stderr.write('\n');
    };
    lines.once('line', (line) => {
      end();
      resolve(line);
    });
    // Ctrl-D on an empty line gives no password at all.
    lines.once('close', () => resolve(''));
    lines.once('SIGINT', () => {
      end();
      process.kill(process.pid, 'SIGINT');
    });
  });
}
