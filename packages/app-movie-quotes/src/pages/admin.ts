// What the pages of administration show.

import { diffWordsWithSpace } from 'diff';
import { type AuditEntry, type AuditPage, canUndo } from '../modules/admin/audit-log.ts';
import { EMPTY_FIELDS, fieldsOf, type QuoteFields } from '../modules/admin/quote-form.ts';
import type { Quote } from '../modules/quotes/schemas.ts';
import type { QuotePage } from '../modules/quotes/service.ts';
import { pagerOf } from './pager.ts';
import type { Link } from './views.ts';

/** In place of the site's menu, for who is signed in. */
export const ADMIN_MENU: readonly Link[] = [
  { path: 'admin', text: 'Quotes' },
  { path: 'admin/quotes/new', text: 'New quote' },
  { path: 'admin/audit', text: 'Changes' },
  { path: '', text: 'The site' },
];

export function adminQuotesPage({ quotes, total, page, pages }: QuotePage, search: string) {
  const address = (page: number): string => {
    const query = new URLSearchParams();
    if (search !== '') query.set('search', search);
    if (page !== 1) query.set('page', String(page));
    return query.size === 0 ? 'admin' : `admin?${query}`;
  };
  return { quotes, total, search, pager: pagerOf(page, pages, address) };
}

interface FormOptions {
  readonly fields?: QuoteFields;
  readonly wrong?: Partial<QuoteFields>;
  /** What the quote is by now, where somebody changed it meanwhile. */
  readonly now?: Quote;
}

const FIELDS: readonly { name: keyof QuoteFields; label: string; hint?: string }[] = [
  { name: 'content', label: 'Words' },
  { name: 'speaker', label: 'Who says it', hint: 'The name of the part, not the actor’s' },
  { name: 'film', label: 'Film' },
  { name: 'year', label: 'Year', hint: 'Of its first showing' },
];

/** `quote` is null for a new one. */
export function quoteFormPage(quote: Quote | null, { fields, wrong = {}, now }: FormOptions = {}) {
  const typed = fields ?? (quote === null ? EMPTY_FIELDS : fieldsOf(quote));
  const current = now && fieldsOf(now);
  return {
    quote,
    version: (now ?? quote)?.version ?? 0,
    conflict: now !== undefined,
    fields: FIELDS.map((field) => ({
      ...field,
      value: typed[field.name],
      wrong: wrong[field.name],
      now: current !== undefined && current[field.name] !== typed[field.name] ? current[field.name] : undefined,
    })),
    anyWrong: Object.keys(wrong).length > 0,
  };
}

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
const DONE = {
  create: 'added',
  replace: 'changed',
  delete: 'deleted',
  undo: 'brought back',
  import: 'imported',
} as const;

export function auditPage({ entries, page, pages }: AuditPage) {
  return {
    entries: entries.map(entryOf),
    pager: pagerOf(page, pages, (page) => (page === 1 ? 'admin/audit' : `admin/audit?page=${page}`)),
  };
}

function entryOf(entry: AuditEntry) {
  const { id, at, actor, action, subjectId, was, became, undoneBy } = entry;
  const iso = new Date(at).toISOString();
  return {
    id,
    iso,
    // A line breaks between the day and the time alone.
    when: `${DAY.format(at).replaceAll(' ', '\u00A0')} ${iso.slice(11, 19)}\u00A0UTC`,
    actor: actor.replace(/^admin:/, ''),
    done: DONE[action],
    subjectId,
    changes: differences(was, became),
    canUndo: canUndo(entry),
    undoneBy,
  };
}

/** A stretch of text that is in both, or in one of them. */
interface Part {
  readonly text: string;
  readonly kind: 'same' | 'del' | 'ins';
}

/** Field by field, what differs; of a quote that came or went, all of it. */
export function differences(was: Quote | null, became: Quote | null): { label: string; parts: readonly Part[] }[] {
  const before = was === null ? EMPTY_FIELDS : fieldsOf(was);
  const after = became === null ? EMPTY_FIELDS : fieldsOf(became);
  return FIELDS.filter(({ name }) => before[name] !== after[name]).map(({ name, label }) => ({
    label,
    parts: diffWordsWithSpace(before[name], after[name]).map(({ value, added, removed }) => ({
      text: value,
      kind: added ? 'ins' : removed ? 'del' : 'same',
    })),
  }));
}
