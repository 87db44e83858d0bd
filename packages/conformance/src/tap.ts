// The suite as tap tests.

import type { Test } from 'tap';
import type { AdapterUnderTest } from './adapter.ts';
import { cases } from './cases/index.ts';
import type { Kind } from './kind.ts';
import { plain } from './plain.ts';
import { inapplicable, runCase } from './run.ts';

/** Adds a test for every case to `t`: `adapter` has to pass them with applications of `kind`. */
export function conformance(t: Test, adapter: AdapterUnderTest, kind: Kind = plain): void {
  for (const one of cases) {
    const skip = inapplicable(one, adapter, kind) ?? false;
    t.test(`${one.rules.join(' ')}: ${one.title}`, { skip }, async (t) => {
      const { status, reason, breaks } = await runCase(one, adapter, kind);
      t.equal(status, 'ok', reason);
      t.strictSame(breaks, [], 'rules that were broken on the way');
    });
  }
}
