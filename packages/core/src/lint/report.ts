// What happens when a rule is broken: an error where it happens, or a call for whoever collects breaks.

import { TsgiError } from '../errors.ts';
import type { Log } from '../interface.ts';
import type { Side } from './rule.ts';
import { type RuleNumber, ruleOf } from './rules.ts';

/** One broken rule. */
export interface Break {
  /** The rule's number in docs/spec.md, such as `D6`. */
  readonly rule: RuleNumber;
  /** Who broke it. */
  readonly side: Side;
  /** What was wrong, in one line. */
  readonly problem: string;
}

/** Options of {@link lint}. */
export interface LintOptions {
  /**
   * Called for every break, and then the call goes on as if nothing had been wrong: for a suite that collects them.
   * Default: a break throws `TSGI_ERR_LINT` where it is found, with the {@link Break} as `cause`. What is only found
   * when nobody can be thrown at any more is logged at level error.
   */
  readonly onBreak?: (broken: Break) => void;
}

/** Reports breaks as the options ask. */
export class Report {
  readonly #onBreak: LintOptions['onBreak'];

  constructor(options: LintOptions) {
    this.#onBreak = options.onBreak;
  }

  /** Throws, or hands the break to `onBreak` and returns. */
  broken(rule: RuleNumber, problem: string): void {
    const broken = breakOf(rule, problem);
    if (this.#onBreak === undefined) throw errorOf(broken);
    this.#onBreak(broken);
  }

  /** For a break that is found when it is too late to throw: logs it, or hands it to `onBreak`. */
  late(rule: RuleNumber, problem: string, log: Log | undefined): void {
    const broken = breakOf(rule, problem);
    if (this.#onBreak !== undefined) this.#onBreak(broken);
    else log?.error({ err: errorOf(broken), rule, side: broken.side }, `rule ${rule} is broken: ${problem}`);
  }
}

function breakOf(rule: RuleNumber, problem: string): Break {
  return { rule, side: ruleOf(rule).duty, problem };
}

function errorOf(broken: Break): TsgiError {
  return new TsgiError('TSGI_ERR_LINT', { rule: broken.rule, problem: broken.problem }, { cause: broken });
}
