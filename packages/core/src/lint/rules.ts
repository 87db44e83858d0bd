// All rules in one table, in the order of a request's life. A number never changes its meaning: a new rule goes to the end
// of its section, and the number of one that is dropped stays unused.

import { type DrainRule, drainRules } from './drain.ts';
import { type FailureRule, failureRules } from './failure.ts';
import { type LifecycleRule, lifecycleRules } from './lifecycle.ts';
import { type RequestRule, requestRules } from './request.ts';
import { type RequestBodyRule, requestBodyRules } from './request-body.ts';
import { type ResponseRule, responseRules } from './response.ts';
import { type ResponseBodyRule, responseBodyRules } from './response-body.ts';
import type { Checker, RuleEntry, Side } from './rule.ts';
import { type UpgradeRule, upgradeRules } from './upgrade.ts';

/** The number of a rule: the letter of its section and a count. */
export type RuleNumber =
  | LifecycleRule
  | RequestRule
  | RequestBodyRule
  | ResponseRule
  | ResponseBodyRule
  | UpgradeRule
  | FailureRule
  | DrainRule;

/** One rule of the gateway interface. */
export interface Rule {
  readonly number: RuleNumber;
  /** The title of the section that it stands in. */
  readonly section: string;
  /** Whose duty it is. */
  readonly duty: Side;
  readonly checkedBy: Checker;
  /** The rule, in Markdown. */
  readonly text: string;
}

/** Every rule, in the order of a request's life. */
export const RULES: readonly Rule[] = [
  ...section('The application and its worker', lifecycleRules),
  ...section('The request', requestRules),
  ...section('The body of the request', requestBodyRules),
  ...section('The response', responseRules),
  ...section('The body of the response', responseBodyRules),
  ...section('Upgrades', upgradeRules),
  ...section('Failures, and clients that leave', failureRules),
  ...section('Drain and stop', drainRules),
];

function section(title: string, table: { readonly [number: string]: RuleEntry<never> }): Rule[] {
  return Object.entries(table).map(([number, { duty, checkedBy, text }]) => {
    return { number: number as RuleNumber, section: title, duty, checkedBy, text };
  });
}

const byNumber = new Map(RULES.map((rule) => [rule.number, rule]));

/** The rule of a number. */
export function ruleOf(number: RuleNumber): Rule {
  return byNumber.get(number) as Rule;
}
