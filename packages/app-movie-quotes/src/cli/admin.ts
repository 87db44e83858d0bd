// quotes admin: the accounts of administrators. A password is never an argument, which every user of the machine can see.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createAdmin, resetAdmin } from '../modules/admin/accounts.ts';
import { BadInput } from '../modules/transfer/bad-input.ts';
import { withDatabase } from './command-database.ts';
import type { Terminal } from './terminal.ts';

export async function create(terminal: Terminal, name: string): Promise<void> {
  const password = await readPassword(terminal, name);
  const account = await withDatabase(terminal, (database) => createAdmin(database, name, password));
  terminal.stdout.write(`made the administrator ${account}\n`);
}

export async function reset(terminal: Terminal, name: string): Promise<void> {
  const password = await readPassword(terminal, name);
  const account = await withDatabase(terminal, (database) => resetAdmin(database, name, password));
  terminal.stdout.write(`${account} has a new password\n`);
}

/** From a terminal without an echo and twice, else the first line of standard input. */
async function readPassword({ stdin, stderr }: Terminal, name: string): Promise<string> {
  if (stdin.isTTY !== true) return ((await text(stdin)).split('\n')[0] as string).replace(/\r$/, '');
  // With `terminal`, readline turns the terminal's own echo off, and writes what it would show into this. It does so before
  // the first question and until after the last one: what is typed early is not shown either.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true, historySize: 0 });
  lines.once('SIGINT', () => {
    lines.close();
    stderr.write('\n');
    process.kill(process.pid, 'SIGINT');
  });
  const typed = lines[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string> => {
    stderr.write(question);
    const { value, done } = await typed.next();
    stderr.write('\n');
    if (done) throw new BadInput('no password was given', 'try again');
    return value;
  };
  try {
    const password = await ask(`Password for ${name}: `);
    if ((await ask('Once more: ')) !== password) throw new BadInput('the two passwords differ', 'try again');
    return password;
  } finally {
    lines.close();
  }
}
