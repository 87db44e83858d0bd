// The form of a quote: what was typed, and the quote that is meant by it or what is wrong in each field.

import { Value } from 'typebox/value';
import { type Quote, QuoteInput } from '../quotes/schemas.ts';

/** What is in the fields, as it was typed. */
export type QuoteFields = Readonly<Record<keyof QuoteInput, string>>;

export interface ReadForm {
  readonly fields: QuoteFields;
  /** The quote; null where a field is wrong. */
  readonly input: QuoteInput | null;
  /** What is wrong, by field. */
  readonly wrong: Partial<QuoteFields>;
}

export const EMPTY_FIELDS: QuoteFields = { content: '', speaker: '', film: '', year: '' };

const TAKES: QuoteFields = {
  content: 'The words take 1 to 500 characters.',
  speaker: 'The speaker takes 1 to 200 characters.',
  film: 'The film takes 1 to 200 characters.',
  year: 'The year takes a number from 1888 to 2100.',
};
const NAMES = Object.keys(TAKES) as (keyof QuoteInput)[];

export function fieldsOf({ content, speaker, film, year }: Quote): QuoteFields {
  return { content, speaker, film, year: String(year) };
}

/** Reads what a browser sent, whatever it is. */
export function readQuoteForm(body: unknown): ReadForm {
  const fields = Object.fromEntries(NAMES.map((name) => [name, textOf(body, name)])) as Record<
    keyof QuoteInput,
    string
  >;
  const meant = {
    content: oneLine(fields.content),
    speaker: oneLine(fields.speaker),
    film: oneLine(fields.film),
    year: /^\s*\d{1,4}\s*$/.test(fields.year) ? Number(fields.year) : null,
  };
  const { properties } = QuoteInput;
  const wrong = Object.fromEntries(
    NAMES.filter((name) => !Value.Check(properties[name], meant[name])).map((name) => [name, TAKES[name]]),
  );
  return { fields, wrong, input: Object.keys(wrong).length === 0 ? (meant as QuoteInput) : null };
}

/** A field of a form that was sent; empty where there is none, or more than one. */
export function textOf(body: unknown, name: string): string {
  const value = (body as Record<string, unknown> | null | undefined)?.[name];
  return typeof value === 'string' ? value : '';
}

/** The version that the form was made from; 0, which no quote has, where it does not say. */
export function versionOf(body: unknown): number {
  const text = textOf(body, 'version');
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** Lines that were broken to see them better are one. */
function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}
