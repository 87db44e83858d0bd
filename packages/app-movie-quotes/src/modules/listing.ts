// Lists in pages, for any module: the order that was asked for, the words that are searched, and the cursor from one page to
// the next (keyset pagination: a page costs the same however far it is, and a row that is inserted or deleted meanwhile
// makes no other one appear twice or not at all).

import { Type } from 'typebox';
import type { Value } from '../database/database.ts';
import { fold } from './quotes/search.ts';
import { wrongField } from './refusal.ts';

/** What is asked of a list. */
export interface ListQuery {
  /** Every word of it occurs in what is found. */
  readonly search?: string | undefined;
  /** A column's word, with `-` in front for descending; default `id`. */
  readonly sort?: string | undefined;
  readonly limit: number;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** The schema of what is asked of a list that can be sorted by these words. */
export function listQuery<const Sort extends string>(sort: readonly [Sort, ...Sort[]], { search }: { search: string }) {
  return Type.Object(
    {
      limit: Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'The most to be on a page' }),
      cursor: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 2000,
          pattern: '^[A-Za-z0-9_-]+$',
          'x-form': 'the "next" of a page',
          description: '`next` of the page before, with the same `search` and `sort`; without it, the first page',
        }),
      ),
      search: Type.Optional(
        Type.String({
          maxLength: 100,
          pattern: '^[^\\p{Cc}\\p{Cs}]*$',
          'x-form': 'text on one line',
          description: search,
        }),
      ),
      sort: Type.Enum([...sort], { default: 'id', description: 'With `-` in front: descending' }),
    },
    { additionalProperties: false },
  );
}

/** In a page: where the next one begins. */
export const nextPage = Type.Union([Type.String(), Type.Null()], {
  description: 'The `cursor` of the next page; null where this is the last one',
});

/** A column that a list is sorted by; equal ones are told apart by the id. */
export interface SortColumn {
  /** In SQL, such as `films.title`. */
  readonly sql: string;
  /** The name of its value in a row. */
  readonly name: string;
  readonly type: 'string' | 'number';
}

/** What may be sorted by, by its word. */
export type SortColumns = Readonly<Record<string, SortColumn>>;

/** A list's order, ready for SQL. */
export interface Order {
  /** The word that was asked for. */
  readonly sort: string;
  readonly column: SortColumn;
  /** After ORDER BY. */
  readonly sql: string;
}

/** All words that `columns` take. */
export function sortWords(columns: SortColumns): string[] {
  return Object.keys(columns).flatMap((word) => [word, `-${word}`]);
}

/** The order that `sort` asks for. `id` is the column of the id. */
export function orderBy(columns: SortColumns, id: string, sort = 'id'): Order {
  const descending = sort.startsWith('-');
  const word = descending ? sort.slice(1) : sort;
  const column = Object.hasOwn(columns, word) ? columns[word] : undefined;
  if (column === undefined) throw wrongField('querystring', 'sort', `must be one of ${sortWords(columns).join(', ')}`);
  const direction = descending ? 'DESC' : 'ASC';
  const sql = column.sql === id ? `${id} ${direction}` : `${column.sql} ${direction}, ${id} ${direction}`;
  return { sort, column, sql };
}

/** A condition of SQL with its values; `''` for none. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** That every word of `search` occurs in `column`, whose text is folded. */
export function containsWords(column: string, search: string | undefined): Condition {
  // A set: the same word twice asks the database once.
  const words = [...new Set(fold(search ?? '').split(' '))].filter((word) => word !== '');
  // `!` and not a backslash escapes, for MariaDB takes a backslash in the statement's text for an escape of its own.
  return {
    sql: words.map(() => `${column} LIKE ? ESCAPE '!'`).join(' AND '),
    values: words.map((word) => `%${word.replace(/[!%_]/g, '!$&')}%`),
  };
}

/** That a row comes after the cursor in `order`. */
export function afterCursor({ sort, column, sql: order }: Order, id: string, cursor: string | undefined): Condition {
  if (cursor === undefined) return { sql: '', values: [] };
  const [value, lastId] = decodeCursor(cursor, sort, column);
  const more = order.endsWith('DESC') ? '<' : '>';
  if (column.sql === id) return { sql: `${id} ${more} ?`, values: [lastId] };
  // The first part alone lets the database begin in an index of the column; the second tells equal ones apart.
  return {
    sql: `${column.sql} ${more}= ? AND (${column.sql} ${more} ? OR ${id} ${more} ?)`,
    values: [value, value, lastId],
  };
}

/** `WHERE` with those conditions that say something. */
export function where(...conditions: readonly Condition[]): Condition {
  const said = conditions.filter(({ sql }) => sql !== '');
  return {
    sql: said.length === 0 ? '' : `WHERE ${said.map(({ sql }) => `(${sql})`).join(' AND ')}`,
    values: said.flatMap(({ values }) => values),
  };
}

/**
 * The rows of a page and the cursor behind it, of one row more than a page has: that there is one tells that there is a
 * next page.
 */
export function pageOf<Row extends { readonly id: number }>(
  rows: readonly Row[],
  limit: number,
  { sort, column }: Order,
): { rows: readonly Row[]; next: string | null } {
  if (rows.length <= limit) return { rows, next: null };
  const page = rows.slice(0, limit);
  const last = page.at(-1) as Row;
  return {
    rows: page,
    next: encodeCursor(sort, (last as unknown as Record<string, Value>)[column.name] as Value, last.id),
  };
}

/** The last row of a page: the order it was in, the value of its column, its id. */
type Cursor = [sort: string, value: Value, id: number];

function encodeCursor(...cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** Whoever forges a cursor gets rows that anybody may ask for; so it is checked for sense and not signed. */
function decodeCursor(text: string, sort: string, column: SortColumn): [value: Value, id: number] {
  let cursor: unknown;
  try {
    cursor = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {}
  if (!Array.isArray(cursor) || cursor.length !== 3)
    throw wrongField('querystring', 'cursor', 'must be the "next" of a page');
  const [ofSort, value, id] = cursor as unknown[];
  if (ofSort !== sort) throw wrongField('querystring', 'cursor', 'must be of a page with the same "sort"');
  if (
    !Number.isSafeInteger(id) ||
    typeof value !== column.type ||
    (column.type === 'number' && !Number.isSafeInteger(value))
  ) {
    throw wrongField('querystring', 'cursor', 'must be the "next" of a page');
  }
  return [value as Value, id as number];
}
