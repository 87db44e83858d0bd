// quotes export: the whole catalogue to standard output, or to a file that is there whole or not at all.

import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadInput } from '../modules/transfer/bad-input.ts';
import { exportQuotes } from '../modules/transfer/export.ts';
import { type Format, formatOf } from '../modules/transfer/format.ts';
import { withDatabase } from './command-database.ts';
import type { Terminal } from './terminal.ts';

export async function exportFile(
  terminal: Terminal,
  file: string,
  format: Format = formatOf(file) ?? 'json',
): Promise<void> {
  await withDatabase(terminal, (database) => {
    const text = Readable.from(exportQuotes(database, format));
    return file === '-' ? writeOut(text, terminal) : writeFile(resolve(terminal.cwd(), file), text);
  });
}

async function writeOut(text: Readable, { stdout }: Terminal): Promise<void> {
  await pipeline(text, stdout, { end: false }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

async function writeFile(file: string, text: Readable): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`;
  const interrupt = (signal: NodeJS.Signals): void => {
    void rm(unfinished, { force: true }).then(() => process.kill(process.pid, signal));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await pipeline(text, createWriteStream(unfinished, { flags: 'wx' }));
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new BadInput(`the file "${file}" cannot be written (${code})`, 'choose another file, or make room', {
      cause: error,
    });
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
