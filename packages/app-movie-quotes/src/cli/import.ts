// quotes import: a file of quotes into the catalogue, all of it or nothing.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import cliProgress from 'cli-progress';
import { BadInput } from '../modules/transfer/bad-input.ts';
import { type Format, formatOf } from '../modules/transfer/format.ts';
import { type Imported, importQuotes } from '../modules/transfer/import.ts';
import { type Row, rowsOf } from '../modules/transfer/rows.ts';
import { decode } from '../modules/transfer/text.ts';
import { withDatabase } from './command-database.ts';
import type { Terminal } from './terminal.ts';

/** Bytes that are taken at once. Of larger ones, so many rows are on their way that 100,000 take 30 MB more. */
const PIECE = 16_384;

/** Imports the file; `-` is standard input. */
export async function importFile(terminal: Terminal, file: string, format: Format | undefined): Promise<void> {
  const size = file === '-' ? 0 : await sizeOf(terminal, file);
  const rows = read(terminal, file, size, format);
  report(terminal, await withDatabase(terminal, (database) => importQuotes(database, rows, 'cli')));
}

/** What an import did, for whoever reads it. */
export function report({ stdout }: Terminal, { added, present }: Imported): void {
  stdout.write(
    `${added} ${added === 1 ? 'quote' : 'quotes'} added, ${present} ${present === 1 ? 'was' : 'were'} there already\n`,
  );
}

/** The rows of the file, with a bar on a terminal that shows how far it is read. */
async function* read(
  { stdin, stderr, cwd }: Terminal,
  file: string,
  size: number,
  format: Format | undefined,
): AsyncGenerator<Row> {
  const stream = file === '-' ? stdin : createReadStream(resolve(cwd(), file));
  // Of what comes from a pipe nobody knows the end. Where standard error is no terminal, the bar writes nothing.
  const bar =
    size === 0
      ? undefined
      : new cliProgress.SingleBar({
          format: '{bar} {percentage} % of {file}, {rows} rows',
          stream: stderr,
          // Else it turns wrapping off, and Ctrl-C would leave the terminal so.
          linewrap: true,
          clearOnComplete: true,
        });
  let read = 0;
  let rows = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += PIECE) yield chunk.subarray(at, at + PIECE);
      read += chunk.length;
      bar?.update(read, { rows });
    }
  }
  bar?.start(size, 0, { file, rows });
  try {
    for await (const row of rowsOf(decode(counted()), format ?? formatOf(file))) {
      rows++;
      yield row;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw unreadable(file, code, error);
  } finally {
    bar?.stop();
  }
}

async function sizeOf({ cwd }: Terminal, file: string): Promise<number> {
  const found = await stat(resolve(cwd(), file)).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(file, error.code ?? error.message, error);
  });
  if (found.isDirectory()) throw unreadable(file, 'it is a folder');
  return found.size;
}

function unreadable(file: string, reason: string, cause?: unknown): BadInput {
  return new BadInput(`the file "${file}" cannot be read (${reason})`, 'name a file that is there and can be read', {
    cause,
  });
}
