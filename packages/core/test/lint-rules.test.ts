// The table of rules, and the specification that is made from it.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { difference, makePage } from '../scripts/spec-page.ts';
import { RULES } from '../src/index.ts';

const script = join(import.meta.dirname, '../scripts/spec.ts');
const spec = join(import.meta.dirname, '../../../docs/spec.md');

function run(...args: string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, ['--conditions=@tsgi/source', script, ...args], { encoding: 'utf8' });
}

t.test('rules are numbered in order, section by section, without a gap', (t) => {
  let section = '@';
  let count = 0;
  let title = '';
  for (const rule of RULES) {
    if (!rule.number.startsWith(section)) {
      section = String.fromCharCode(section.charCodeAt(0) + 1);
      count = 0;
      t.not(rule.section, title);
      title = rule.section;
    }
    count++;
    t.equal(rule.number, `${section}${count}`);
    t.equal(rule.section, title);
  }
  t.end();
});

t.test('every rule says what must be or must not, or what is the case, in whole sentences', (t) => {
  for (const { number, text } of RULES) {
    t.match(text, /^[A-Z`].*[.]$/s, number);
    t.match(text, /MUST/, number);
    t.equal((text.match(/`/g) ?? []).length % 2, 0, `${number}: backticks in pairs`);
  }
  t.end();
});

t.test('numbers that the rules refer to exist', (t) => {
  const numbers = new Set(RULES.map(({ number }) => String(number)));
  const text = readFileSync(spec, 'utf8');
  for (const [, number] of text.matchAll(/\b([A-H]\d{1,2})\b/g)) t.ok(numbers.has(String(number)), String(number));
  t.end();
});

t.test('docs/spec.md is what the rules and the types say', (t) => {
  const { status, stderr } = run('--check');
  t.equal(stderr, '');
  t.equal(status, 0);
  t.end();
});

t.test('the generator writes the page, and tells where one is out of date', (t) => {
  const file = join(t.testdir(), 'spec.md');
  t.equal(run(file).status, 0);
  const page = readFileSync(file, 'utf8');
  t.equal(run('--check', file).status, 0);
  writeFileSync(file, page.replace('**D6**', '**D66**'));
  t.match(run('--check', file), { status: 1, stderr: /spec\.md is not up to date: line \d+\n {2}is: .*\*\*D66\*\*/ });
  t.end();
});

t.test('a page that ends early, or goes on, is told from one that is right', (t) => {
  t.equal(difference('a\nb', 'a\nb'), undefined);
  t.match(difference('a', 'a\nb'), /line 2\n {2}is: {8}\(the end\)\n {2}should be: b/);
  t.match(difference('a\nb', 'a'), /line 2\n {2}is: {8}b\n {2}should be: \(the end\)/);
  t.end();
});

t.test('a template that leaves out a type or a section, or asks for what is not there, is refused', (t) => {
  const all = [...'ABCDEFGH'].map((letter) => `{{rules ${letter}}}`).join('\n');
  t.match(
    makePage(`${all}\n{{types One}}`, '// A module.\n\nexport type One = 1;\n'),
    /```ts listing\nexport type One = 1;\n```/,
  );
  t.throws(() => makePage(all, 'export type One = 1;'), { message: 'the template does not show One' });
  t.throws(() => makePage(all.replace('{{rules F}}', ''), ''), { message: 'the template does not show F' });
  t.throws(() => makePage('{{types Two}}', ''), { message: /asks for Two/ });
  t.end();
});
