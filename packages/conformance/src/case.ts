// What a case is: a title, the rules that it proves, and a run.

import type { RuleNumber } from '@tsgi/core';
import type { Transport } from './adapter.ts';
import type { Trait } from './kind.ts';
import type { Stage } from './stage.ts';

/** A row of the table: a rule, or `HTTP` for what RFC 9110 and 9112 ask of a server beyond the rules. */
export type Row = RuleNumber | 'HTTP';

/** One behaviour that is looked at. */
export interface Case {
  readonly title: string;
  readonly rules: readonly Row[];
  /** What the adapter's transport and the kind of application must have. */
  readonly needs?: readonly (Transport | Trait)[];
  /** The rules that the application breaks on purpose. */
  readonly breaks?: readonly RuleNumber[];
  /** Rejects when the behaviour is another one. */
  readonly run: (stage: Stage) => Promise<void>;
}
