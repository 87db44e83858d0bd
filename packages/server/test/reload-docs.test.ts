// The page about reloads names every setting that needs a restart, and no other.

import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { SETTING_NAMES } from '../src/settings/names.ts';
import { SETTINGS } from '../src/settings/table.ts';

test('the page about reloads names every setting that a reload does not change', async (t) => {
  const page = readFileSync(new URL('../../../docs/reload.md', import.meta.url), 'utf8');
  const sentence = /these hold from the start of the server to its end:([^.]*)\./.exec(page)?.[1] ?? '';
  t.strictSame(
    Array.from(sentence.matchAll(/`(\w+)`/g), ([, name]) => name),
    SETTING_NAMES.filter((name) => SETTINGS[name].once),
  );
});
