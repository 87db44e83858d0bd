// quotes admin: the accounts of administrators. A password is never an argument, which every user of the machine can see.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Database } from '../database/database.ts';
import { createAdmin, resetAdmin } from '../modules/admin/accounts.ts';
import { BadInput } from '../modules/transfer/bad-input.ts';
import { withDatabase } from './command-database.ts';

export function addAdmin(program: Command): void {
  const command = program.command('admin').description('Makes administrators, and gives them new passwords.');
  const add = (
    name: string,
    description: string,
    change: (database: Database, name: string, password: string) => Promise<string>,
    done: string,
  ): void => {
    command
      .command(name)
      .description(`${description} The password is asked for, or is the first line of standard input.`)
      .argument('<name>', 'the name to sign in with')
      .action(async (name: string) => {
        const password = await readPassword(`Password for ${name}: `);
        const account = await withDatabase((database) => change(database, name, password));
        process.stdout.write(`${done} ${account}\n`);
      });
  };
  add('create', 'Makes an administrator.', createAdmin, 'made the administrator');
  add('reset', 'Gives an administrator a new password; sessions and a lock-out end.', resetAdmin, 'new password for');
}

/** From a terminal without an echo and twice, else the first line of standard input. */
async function readPassword(question: string): Promise<string> {
  if (!process.stdin.isTTY) return ((await text(process.stdin)).split('\n')[0] as string).replace(/\r$/, '');
  const password = await ask(question);
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
