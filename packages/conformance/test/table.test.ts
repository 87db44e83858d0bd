// What the table says, and when it is whole.

import { stripVTControlCharacters } from 'node:util';
import { cases, type Result } from '@tsgi/conformance';
import { test } from 'tap';
import { type Column, report } from '../matrix/table.ts';
import { TITLES } from '../matrix/titles.ts';

const passed: readonly Result[] = cases.map(({ title, rules }) => ({
  title,
  rules,
  status: 'ok',
  reason: '',
  breaks: [],
}));

function column(changes: Partial<Column> = {}): Column {
  return { adapter: 'tcp', kind: 'plain', results: passed, crash: undefined, ...changes };
}

/** `passed`, with the results of the cases that name `rule` replaced. */
function except(rule: string, changes: Partial<Result>): Result[] {
  return passed.map((result) => ((result.rules as string[]).includes(rule) ? { ...result, ...changes } : result));
}

function shown(columns: readonly Column[], all = true): { text: string; whole: boolean } {
  const { text, whole } = report(columns, all);
  return { text: stripVTControlCharacters(text), whole };
}

test('a table without a hole is whole, and fits 120 columns', async (t) => {
  const adapters = ['tcp', 'unix', 'inject'];
  const kinds = ['plain', 'fastify', 'express', 'koa', 'hono', 'listener'];
  const { text, whole } = shown(adapters.flatMap((adapter) => kinds.map((kind) => column({ adapter, kind }))));
  t.equal(whole, true);
  for (const line of text.split('\n')) t.ok(line.length <= 120, line);
  for (const row of Object.keys(TITLES)) t.match(text, new RegExp(`^│${row} *│.*ok`, 'm'));
  t.match(text, /0 failed/);
});

test('a failure is told in full, and the table is not whole', async (t) => {
  const failed = except('C7', { status: 'failed', reason: 'it took 64 MiB' });
  const { text, whole } = shown([column({ results: failed })]);
  t.equal(whole, false);
  t.match(text, /^│C7 .*FAIL/m);
  t.match(text, /^FAIL tcp\/plain: C7: .*\n {2}it took 64 MiB$/m);
});

test('a rule that is broken on the way fails its own row', async (t) => {
  const broken = except('C7', { breaks: [{ rule: 'B18', side: 'server', problem: 'request.id is ""' }] });
  const { text, whole } = shown([column({ results: broken })]);
  t.equal(whole, false);
  t.match(text, /^│B18 .*FAIL/m);
  t.match(text, /^│C7 .*ok/m);
  t.match(text, /the server breaks B18: request\.id is ""/);
});

test('what does not apply is shown with its reason', async (t) => {
  const { text, whole } = shown([
    column(),
    column({ adapter: 'inject', results: except('F2', { status: 'n/a', reason: 'there is no socket' }) }),
  ]);
  t.equal(whole, true);
  t.match(text, /^│F2 .*ok.*n\/a/m);
  t.match(text, /- there is no socket: F2 \(inject\)/);
});

test('a rule that applies nowhere is a hole, where these are all the columns', async (t) => {
  const columns = [column({ results: except('F2', { status: 'n/a', reason: 'there is no socket' }) })];
  t.match(shown(columns), { whole: false, text: /hole: F2 applies in no column/ });
  t.equal(shown(columns, false).whole, true);
});

test('a rule without a case is a hole', async (t) => {
  const results = passed.filter(({ rules }) => !rules.includes('F2'));
  t.match(shown([column({ results })]), { whole: false, text: /hole: no case proves F2 in tcp\/plain/ });
});

test('a process that ended otherwise than it should leaves the table with a hole', async (t) => {
  const crashed = column({ crash: 'its process ended with SIGSEGV after "a request is answered"' });
  t.match(shown([crashed]), { whole: false, text: /FAIL tcp\/plain: its process ended with SIGSEGV/ });
});
