// quotes import: a file of quotes into the catalogue, all of it or nothing.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import cliProgress from 'cli-progress';
import { type Command, Option } from 'commander';
import { BadInput } from '../modules/transfer/bad-input.ts';
import { FORMATS, type Format, formatOf, rowsOf } from '../modules/transfer/formats.ts';
import { type Imported, importQuotes } from '../modules/transfer/import.ts';
import { decode } from '../modules/transfer/text.ts';
import { withDatabase } from './command-database.ts';

export function addImport(program: Command): void {
  program
    .command('import')
    .description('Imports quotes from a file, or from standard input: all of them, or none where a row is wrong.')
    .argument('<file>', 'the file; - for standard input')
    .addOption(
      new Option('-f, --format <format>', "the file's format; default: by its name or its content").choices(FORMATS),
    )
    .action(async (file: string, { format }: { format?: Format }) => {
      const size = file === '-' ? 0 : await sizeOf(file);
      report(await withDatabase((database) => importQuotes(database, read(file, size, format), 'cli')));
    });
}

/** What an import did, for whoever reads it. */
export function report({ added, present }: Imported): void {
  process.stdout.write(
    `${added} ${added === 1 ? 'quote' : 'quotes'} added, ${present} ${present === 1 ? 'was' : 'were'} there already\n`,
  );
}

/** The rows of the file, with a bar on a terminal that shows how far it is read. */
async function* read(file: string, size: number, format: Format | undefined): ReturnType<typeof rowsOf> {
  const stream = file === '-' ? process.stdin : createReadStream(file);
  // Of what comes from a pipe nobody knows the end. Where standard error is no terminal, the bar writes nothing.
  const bar =
    size === 0
      ? undefined
      : new cliProgress.SingleBar({
          format: '{bar} {percentage} % of {file}, {rows} rows',
          stream: process.stderr,
          hideCursor: null as unknown as boolean,
          clearOnComplete: true,
        });
  let read = 0;
  let rows = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      read += chunk.length;
      bar?.update(read, { rows });
      yield chunk;
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

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
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
