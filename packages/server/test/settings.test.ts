import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { flagOf, nearest, SETTING_NAMES, variableOf } from '../src/settings/names.ts';
import { readValue, showDuration } from '../src/settings/read-value.ts';
import { applicationOf, type Resolved, resolveSettings } from '../src/settings/resolve.ts';
import { SETTINGS } from '../src/settings/table.ts';

t.test('a flag goes before a variable, a variable before the file, the file before the default', async (t) => {
  const cwd = t.testdir({
    'tsgi.config.json': JSON.stringify({ app: 'a:a', workers: 2, name: 'file', timeout: '5s' }),
  });
  const env = { TSGI_WORKERS: '3', TSGI_NAME: 'env' };
  const { settings, origins } = await resolveSettings({ flags: { workers: '4' }, env, cwd });
  t.match(settings, { workers: 4, name: 'env', timeout: 5000, backlog: 511, socketMode: 0o660 });
  t.match(origins, {
    workers: { from: 'flag', where: '--workers' },
    name: { from: 'env', where: 'TSGI_NAME' },
    timeout: { from: 'file', where: join(cwd, 'tsgi.config.json') },
    backlog: { from: 'default' },
  });
});

t.test('a file in TypeScript is read, and read again when it has changed', async (t) => {
  const cwd = t.testdir({ 'tsgi.config.ts': "export default { app: 'a:a', workers: 2 as number };" });
  const resolve = async () => (await resolveSettings({ flags: {}, env: {}, cwd })).settings.workers;
  t.equal(await resolve(), 2);
  writeFileSync(join(cwd, 'tsgi.config.ts'), "export default { app: 'a:a', workers: 'auto' };");
  t.equal(await resolve(), 'auto');
});

t.test('unknown names are refused, with the nearest known one', async (t) => {
  const sources = { flags: { app: 'a:a' }, env: {}, cwd: t.testdir({ 'tsgi.config.json': '{"wrokers": 2}' }) };
  await t.rejects(resolveSettings(sources), {
    exit: 2,
    message: /key wrokers in .*tsgi.config.json/,
    todo: /workers\?/,
  });
  await t.rejects(resolveSettings({ ...sources, cwd: '/', env: { TSGI_BINDS: 'x' } }), {
    message: /variable TSGI_BINDS/,
    todo: /TSGI_BIND\?/,
  });
  t.equal(nearest('completely-different', SETTING_NAMES), undefined);
});

t.test('a wrong value names the setting, its origin and what it takes', async (t) => {
  const cwd = t.testdir({
    'tsgi.config.json': '{"app": "a:a", "timeout": "soon"}',
    broken: { 'tsgi.config.json': '{' },
  });
  const base = { flags: {}, env: {}, cwd };
  await t.rejects(resolveSettings(base), { message: /timeout in .*config.json is "soon"/, todo: /from 0ms to 1h/ });
  await t.rejects(resolveSettings({ ...base, flags: { timeout: '2h' } }), { message: '--timeout is "2h"' });
  await t.rejects(resolveSettings({ ...base, env: { TSGI_WORKERS: '0' }, flags: { timeout: '1' } }), {
    message: 'TSGI_WORKERS is "0"',
    todo: 'it takes a whole number from 1 to 1024, or auto',
  });
  await t.rejects(resolveSettings({ ...base, cwd: join(cwd, 'broken') }), { message: /cannot be read/ });
  await t.rejects(resolveSettings({ ...base, flags: { config: 'none.ts' } }), { message: /no configuration file/ });
  await t.rejects(resolveSettings({ flags: { app: 'a:a', certfile: 'c' }, env: {}, cwd: '/' }), {
    message: /--certfile is given without --keyfile/,
    todo: /--keyfile/,
  });
  t.throws(() => applicationOf({ settings: { app: null } } as Resolved), { message: /no application/ });
});

t.test('each type reads what it takes and nothing else', async (t) => {
  const duration = { kind: 'duration', min: 0, max: 3_600_000 } as const;
  for (const [text, ms] of [
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2', 2000],
    [1.5, 1500],
    ['0', 0],
  ] as const) {
    t.strictSame(readValue(duration, text), { ok: true, value: ms });
  }
  for (const text of ['', 'x', '-1', '5 m', '2h', '1d']) t.notOk(readValue(duration, text).ok, text);
  const bytes = { kind: 'bytes', min: 1024, max: 1024 ** 3 } as const;
  for (const [text, value] of [
    ['1024', 1024],
    ['64k', 65_536],
    ['1G', 1024 ** 3],
    [2048, 2048],
  ] as const) {
    t.strictSame(readValue(bytes, text), { ok: true, value });
  }
  for (const text of ['1', '2g', '1kb', '']) t.notOk(readValue(bytes, text).ok, text);
  t.strictSame(readValue({ kind: 'mode' }, '0o640'), { ok: true, value: 0o640 });
  t.strictSame(readValue({ kind: 'mode' }, 0o640), { ok: true, value: 0o640 });
  t.notOk(readValue({ kind: 'mode' }, '888').ok);
  t.strictSame(readValue({ kind: 'list', of: 'bind' }, ':80, unix:/a'), { ok: true, value: [':80', 'unix:/a'] });
  t.match(readValue({ kind: 'list', of: 'bind' }, '8000'), { ok: false, takes: /8000/ });
  t.strictSame(readValue({ kind: 'switch' }, 'no'), { ok: true, value: false });
  t.notOk(readValue({ kind: 'switch' }, 'maybe').ok);
  t.equal(showDuration(90_000), '90s');
});

t.test('names are spelled three ways, and defaults are values of their own type', async (t) => {
  t.equal(flagOf('maxRequestsJitter'), '--max-requests-jitter');
  t.equal(variableOf('maxRequestsJitter'), 'TSGI_MAX_REQUESTS_JITTER');
  for (const name of SETTING_NAMES) {
    const { type, default: standard } = SETTINGS[name];
    if (standard === null || standard === '' || type.kind === 'duration') continue;
    t.ok(readValue(type, standard).ok, name);
  }
});

t.test('dev has defaults of its own, and everybody else comes before them', async (t) => {
  const cwd = t.testdir({});
  const { settings, origins } = await resolveSettings({ flags: { dev: true }, env: {}, cwd });
  t.match(settings, { logFormat: 'pretty', accessLogfile: '-', gracefulTimeout: 500, workers: 1 });
  t.equal(origins.gracefulTimeout.from, 'default');
  const env = { TSGI_ACCESS_LOGFILE: 'off' };
  const given = await resolveSettings({ flags: { dev: true, gracefulTimeout: '2s' }, env, cwd });
  t.match(given.settings, { logFormat: 'pretty', accessLogfile: null, gracefulTimeout: 2000 });
});
