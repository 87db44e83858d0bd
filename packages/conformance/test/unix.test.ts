// Every kind of application behind the adapter `unix`.

import { conformance } from '@tsgi/conformance';
import { test } from 'tap';
import { adapter } from '../matrix/adapters.ts';
import { kinds } from '../matrix/kinds/index.ts';

for (const kind of kinds) {
  test(`unix, ${kind.name}`, async (t) => conformance(t, adapter('unix'), kind));
}
