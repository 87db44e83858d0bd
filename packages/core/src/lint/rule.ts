// What a rule of the gateway interface is: whose duty, who checks it, and its text. Each section of the specification
// is one table of rules, kept in one file with the code that checks them.

/** The two parties of the interface. A middleware is a server to what it wraps and an application to what calls it. */
export type Side = 'server' | 'application';

/**
 * `lint`: the wrapper of this package sees a break while the application runs. `conformance`: it can only be seen from
 * the client's end of the connection, or in the log, and so has a case in the conformance suite.
 */
export type Checker = 'lint' | 'conformance';

/** One row of a section's table. */
export interface RuleEntry<Subject> {
  readonly duty: Side;
  readonly checkedBy: Checker;
  readonly text: string;
  /** What is wrong with `subject`, as the end of a sentence; `undefined` when nothing is. */
  readonly problem?: (subject: Subject) => string | undefined;
}

/** A section's table, by the numbers of its rules. `Subject` is what its stateless checks look at. */
export type RuleTable<Numbers extends string, Subject = never> = { readonly [N in Numbers]: RuleEntry<Subject> };

/** A rule whose check needs to know what happened before, or that the conformance suite checks. */
export function rule(duty: Side, checkedBy: Checker, ...text: string[]): RuleEntry<unknown> {
  return { duty, checkedBy, text: text.join(' ') };
}

/** A rule whose check looks at one thing at one moment. */
export function check<Subject>(
  duty: Side,
  text: readonly string[],
  problem: (subject: Subject) => string | undefined,
): RuleEntry<Subject> {
  return { duty, checkedBy: 'lint', text: text.join(' '), problem };
}
