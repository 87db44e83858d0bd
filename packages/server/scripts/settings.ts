// Writes docs/settings.md. With --check it writes nothing, and exits with 1 and names the first line that differs when the
// page is not up to date.

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makePage } from './settings-page.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
const here = (path: string): string => resolve(import.meta.dirname, path);
const file = here('../../../docs/settings.md');
const page = makePage(readFileSync(here('settings.template.md'), 'utf8'));

if (values.check) {
  const [is, should] = [readFileSync(file, 'utf8').split('\n'), page.split('\n')];
  const line = should.findIndex((text, i) => text !== is[i]);
  if (line >= 0 || is.length !== should.length) {
    console.error(`${file} is not up to date from line ${(line < 0 ? should.length : line) + 1} on`);
    console.error('To write it anew: node --conditions=@tsgi/source packages/server/scripts/settings.ts');
    process.exitCode = 1;
  }
} else writeFileSync(file, page);
