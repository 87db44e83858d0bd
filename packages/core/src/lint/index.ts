// lint and the rules that it checks.

export { lint } from './lint.ts';
export type { Break, LintOptions } from './report.ts';
export type { Checker, Side } from './rule.ts';
export { RULES, type Rule, type RuleNumber } from './rules.ts';
