// What is compared with what, and which part of it is asked for.

import t from 'tap';
import { parseCpuList } from '../src/cores.ts';
import { chooseGroups, GROUPS } from '../src/groups.ts';
import { DOCUMENT, PAYLOADS } from '../src/payloads.ts';

t.test('every group compares a server with itself', async (t) => {
  for (const { rows } of GROUPS) {
    const [baseline] = rows.filter(({ role }) => role === 'baseline');
    const selves = rows.filter(({ role }) => role === 'self');
    t.equal(selves.length, 1);
    t.equal(selves[0]?.server, baseline?.server);
  }
});

t.test('without a word everything is compared', async (t) => {
  t.equal(chooseGroups([]), GROUPS);
});

t.test('a payload and a group narrow the comparison', async (t) => {
  t.ok(chooseGroups(['hello']).every(({ payload }) => payload === 'hello'));
  t.same(
    chooseGroups(['json', 'upload', 'Unix socket']).map(({ payload, name }) => `${payload} ${name}`),
    ['json Unix socket', 'upload Unix socket'],
  );
});

t.test('a word that names nothing is an error that lists the words', async (t) => {
  t.throws(() => chooseGroups(['hallo']), /no "hallo".*hello.*express/);
});

t.test('the document has 64 KiB as JSON', async (t) => {
  t.equal(JSON.stringify(DOCUMENT).length, 65_536);
  t.equal(PAYLOADS.upload.request.body?.length, 65_536);
});

t.test('a list of processors is read as the kernel writes it', async (t) => {
  t.same(parseCpuList('0-1'), [0, 1]);
  t.same(parseCpuList('2,4-6,9'), [2, 4, 5, 6, 9]);
  t.same(parseCpuList(''), []);
});
