// The files for Nginx, systemd and Compose in the repository are what `tsgi generate` prints for its settings.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { COMMANDS, filesOf, lineOf } from './deployment-files.ts';
import { ROOT } from './markdown.ts';

/** What is written by hand: an example of what only a machine knows. */
const BY_HAND = ['systemd/env.example'];

test('the files for Nginx, systemd and Compose are those that tsgi prints', async (t) => {
  const printed = new Set(BY_HAND);
  for (const command of COMMANDS) {
    for (const [path, content] of await filesOf(command)) {
      printed.add(path);
      t.equal(readFileSync(join(ROOT, path), 'utf8'), content, `${path} by ${lineOf(command)}`);
    }
  }
  const there = globSync(['nginx/**', 'systemd/**', 'compose.yaml'], { cwd: ROOT, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
  t.strictSame(there.sort(), [...printed].sort(), 'and there are no others');
});
