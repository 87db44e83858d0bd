// The rows of a file in one of the formats, read as they come: what each row holds, or why it holds nothing, and its line.

import { Readable } from 'node:stream';
import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import { CsvError, type Info, parse } from 'csv-parse';
import { BadInput } from './bad-input.ts';
import { COLUMNS, type Format } from './format.ts';

/** One row of a file. */
export type Row =
  | { readonly line: number; readonly value: unknown }
  | { readonly line: number; readonly problem: string };

/** Characters of one row; a quote has 1,000 at most. Above it, something is wrong, and it is not kept in memory. */
const LONGEST = 65_536;

/** The rows of `text`. Without a format: JSON where it begins with `[`, NDJSON where it begins with `{`, else CSV. */
export async function* rowsOf(text: AsyncIterable<string>, format?: Format): AsyncGenerator<Row> {
  const [head, whole] = await lookAt(text);
  const found = format ?? (head === '[' ? 'json' : head === '{' ? 'ndjson' : 'csv');
  yield* { json: jsonRows, ndjson: ndjsonRows, csv: csvRows }[found](whole);
}

/** The first character that is not white space, and the text as it was. */
async function lookAt(text: AsyncIterable<string>): Promise<[string | undefined, AsyncGenerator<string>]> {
  const iterator = text[Symbol.asyncIterator]();
  const read: string[] = [];
  let head: string | undefined;
  while (head === undefined) {
    const { done, value } = await iterator.next();
    if (done) break;
    read.push(value);
    head = value.trimStart()[0];
  }
  async function* whole(): AsyncGenerator<string> {
    yield* read;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return [head, whole()];
}

async function* jsonRows(text: AsyncIterable<string>): AsyncGenerator<Row> {
  const rows: Row[] = [];
  const parser = new TokenParser({ paths: ['$.*'], keepStack: false });
  const tokenizer = new Tokenizer();
  let block = Buffer.alloc(0);
  /** Of the first byte of `block`, and up to which byte line feeds are counted. */
  let begin = 0;
  let counted = 0;
  let line = 1;
  let depth = 0;
  let started = { line: 1, offset: 0 };

  const countTo = (offset: number): void => {
    for (let at = block.indexOf(0x0a, counted - begin); at !== -1 && at < offset - begin; ) {
      line++;
      at = block.indexOf(0x0a, at + 1);
    }
    counted = offset;
  };
  tokenizer.onToken = (info) => {
    const { token, offset } = info;
    countTo(Math.max(offset, counted));
    if (depth === 0 && token !== TokenType.LEFT_BRACKET) throw new BadInput('the JSON is no array', JSON_TODO);
    if (depth === 1) started = { line, offset };
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) depth++;
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) depth--;
    parser.write(info);
  };
  parser.onEnd = () => tokenizer.end();
  parser.onValue = ({ value }) => rows.push({ line: started.line, value });
  const fail = (error: Error): never => {
    if (error instanceof BadInput) throw error;
    const message = error.message.replace(/ (at chunk position|in state) .*/, '');
    throw new BadInput(`from line ${line} on the JSON cannot be read: ${message}`, JSON_TODO, { cause: error });
  };
  tokenizer.onError = fail;
  parser.onError = fail;
  for await (const piece of text) {
    begin += block.length;
    block = Buffer.from(piece);
    if (block.length === 0) continue;
    if (tokenizer.isEnded) {
      if (piece.trim() === '') continue;
      throw new BadInput(`line ${line}: there is more after the array`, JSON_TODO);
    }
    tokenizer.write(block);
    if (depth > 0 && begin - started.offset > LONGEST) throw tooLong(`line ${started.line}`);
    countTo(begin + block.length);
    yield* rows.splice(0);
  }
  if (!parser.isEnded) throw new BadInput(`line ${line}: the JSON ends before its array does`, JSON_TODO);
}

const JSON_TODO = `give an array of objects with ${COLUMNS.join(', ')}`;

async function* ndjsonRows(text: AsyncIterable<string>): AsyncGenerator<Row> {
  let line = 0;
  for await (const content of linesOf(text)) {
    line++;
    if (content.trim() === '') continue;
    yield parseLine(content, line);
  }
}

function parseLine(content: string, line: number): Row {
  try {
    return { line, value: JSON.parse(content) };
  } catch (error) {
    // Without what V8 quotes of the line, which may be long.
    return { line, problem: `is not JSON (${(error as Error).message.replace(/, (\.\.\.)?".*/s, '')})` };
  }
}

// Not node:readline, which also ends a line at U+2028, and JSON has that in strings (RFC 8259 section 7).
async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let line = 1;
  for await (const piece of text) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() as string;
    line += lines.length;
    yield* lines;
    if (rest.length > LONGEST) throw tooLong(`line ${line}`);
  }
  if (rest !== '') yield rest;
}

async function* csvRows(text: AsyncIterable<string>): AsyncGenerator<Row> {
  const skipped: Row[] = [];
  let end = 0;
  let blank = 0;
  const parser = parse({
    info: true,
    relax_column_count: true,
    // Each line may end in its own way, as where two files were put together.
    record_delimiter: ['\r\n', '\n'],
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: LONGEST,
  });
  parser.on('skip', (error: CsvError) => {
    if (error.code === 'CSV_MAX_RECORD_SIZE') parser.destroy(tooLong(`before line ${error.lines}`));
    skipped.push({ line: Number(error.lines ?? end + 1), problem: problemOf(error) });
  });
  const source = Readable.from(text);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let header: string[] | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      const line = end + 1 + info.empty_lines - blank;
      end = info.lines;
      blank = info.empty_lines;
      if (header === undefined) {
        if (skipped[0]?.line === 1) break;
        header = checkedHeader(record);
        continue;
      }
      yield* skipped.splice(0);
      yield record.length === header.length
        ? { line, value: objectOf(header, record) }
        : { line, problem: `has ${record.length} columns and not ${header.length}` };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    skipped.push({ line: end + 1, problem: problemOf(error) });
  } finally {
    source.destroy();
  }
  yield* skipped;
  if (header === undefined && skipped.length === 0) checkedHeader([]);
}

function problemOf({ code, message }: CsvError): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quotation mark is never closed';
  if (code !== 'CSV_INVALID_CLOSING_QUOTE' && code !== 'INVALID_OPENING_QUOTE') return message;
  return 'a field with a quotation mark must be in quotation marks, with the mark in it twice';
}

function checkedHeader(record: readonly string[]): string[] {
  const header = record.map((name) => name.trim().toLowerCase());
  if (header.length === COLUMNS.length && COLUMNS.every((name) => header.includes(name))) return header;
  const found = header.length === 0 ? 'nothing' : JSON.stringify(header.join(',').slice(0, 80));
  throw new BadInput(`the first line names other columns: ${found}`, `let it be ${COLUMNS.join(',')}`);
}

function objectOf(header: readonly string[], record: readonly string[]): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  header.forEach((name, i) => {
    const cell = record[i] as string;
    value[name] = name === 'year' && /^\d{1,9}$/.test(cell) ? Number(cell) : cell;
  });
  return value;
}

function tooLong(place: string): BadInput {
  return new BadInput(`${place}: a row of more than ${LONGEST} characters`, 'see whether it ends where it should');
}
