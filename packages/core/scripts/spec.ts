// Writes docs/spec.md. With --check it writes nothing, and exits with 1 and names the first difference when the page is
// not up to date. Another file can be named as the last argument.

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { difference, makePage } from './spec-page.ts';

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
const here = (path: string): string => resolve(import.meta.dirname, path);
const [file = here('../../../docs/spec.md')] = positionals;
const page = makePage(
  readFileSync(here('spec.template.md'), 'utf8'),
  readFileSync(here('../src/interface.ts'), 'utf8'),
);

if (values.check) {
  const found = difference(readFileSync(file, 'utf8'), page);
  if (found !== undefined) {
    console.error(`${file} is not up to date: ${found}`);
    console.error('To write it anew: node --conditions=@tsgi/source packages/core/scripts/spec.ts');
    process.exitCode = 1;
  }
} else writeFileSync(file, page);
