// What the page about the site shows, as a film's credits do: who serves it, from where, and since when.

import type { Host } from '../host.ts';
import type { Decade } from '../modules/films/schemas.ts';
import type { ReactionService } from '../modules/reactions/service.ts';
import { formatCount, formatNumber } from './typeset.ts';

export interface CreditsOptions {
  readonly host: Host;
  readonly database: string;
  readonly reactions: ReactionService['state'];
  readonly decades: readonly Decade[];
}

const REACTIONS = {
  embedded: null,
  ok: 'MongoDB',
  away: 'MongoDB, which is away: they are kept for it',
} as const satisfies Record<ReactionService['state'], string | null>;

export function creditsPage({ host, database, reactions, decades }: CreditsOptions) {
  const total = (of: 'films' | 'quotes') => formatNumber(decades.reduce((sum, decade) => sum + decade[of], 0));
  const credits: (readonly [role: string, name: string])[] = [
    ['Served by', host.name],
    ['Adapter', host.adapter || 'none'],
    [host.binds.length > 1 ? 'Binds' : 'Bind', host.binds.join(', ') || 'none'],
    ['Worker', host.worker === 0 ? 'the only one' : formatNumber(host.worker)],
    ['Generation', formatNumber(host.generation)],
    ['On screen for', duration(process.uptime())],
    ['Projector', `Node.js ${process.versions.node}`],
    ['Archive', database],
    ['Applause', REACTIONS[reactions] ?? database],
    ['Films', total('films')],
    ['Quotes', total('quotes')],
  ];
  return { credits };
}

/** Whole units, the largest alone: `3 hours`. */
function duration(seconds: number): string {
  if (seconds >= 2 * 86_400) return formatCount(Math.floor(seconds / 86_400), 'day');
  if (seconds >= 2 * 3600) return formatCount(Math.floor(seconds / 3600), 'hour');
  if (seconds >= 2 * 60) return formatCount(Math.floor(seconds / 60), 'minute');
  return formatCount(Math.floor(seconds), 'second');
}
