import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, StartError } from '@tsgi/app-movie-quotes';
import t from 'tap';
import { temporaryFolder } from './fixtures/movie-quotes.ts';

t.test('without variables there are defaults', async (t) => {
  const folder = temporaryFolder(t);
  t.strictSame(loadConfig({}, folder), {
    database: {
      kind: 'sqlite',
      file: join(folder, 'data/movie-quotes.sqlite'),
      createFolder: true,
      timeout: 5000,
      slow: 250,
    },
    mongodb: null,
    log: { level: 'info', requests: true, file: null },
    pressure: { eventLoopDelay: 1000, eventLoopUtilization: 0, heap: 0 },
    limits: { reads: 600, writes: 60 },
    cards: { threads: 1, queue: 16, folder: join(folder, 'data/cards'), maxBytes: 256 * 1024 * 1024 },
    heavyRoute: false,
    publicUrl: null,
    sessionSecret: null,
    apiToken: null,
  });
});

t.test('the environment is before .env, and .env before the defaults', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, '.env'), 'LOG_LEVEL=warn\nDATABASE_FILE="quotes.db"\n');
  const config = loadConfig({ LOG_LEVEL: 'debug', LOG_REQUESTS: 'false', MAX_HEAP_MB: '2' }, folder);
  t.match(config, {
    database: { file: join(folder, 'quotes.db'), createFolder: false },
    log: { level: 'debug', requests: false },
    pressure: { heap: 2 * 1024 * 1024 },
  });
});

t.test('an empty variable is one that is not set', async (t) => {
  const config = loadConfig({ LOG_LEVEL: '', DATABASE_FILE: '', DATABASE_URL: '' }, temporaryFolder(t));
  t.match(config, { log: { level: 'info' }, database: { createFolder: true } });
});

t.test('a database can be given as an URL', async (t) => {
  const folder = temporaryFolder(t);
  t.match(loadConfig({ DATABASE_URL: 'sqlite:/srv/q.sqlite' }, folder).database, { file: '/srv/q.sqlite' });
  t.match(loadConfig({ DATABASE_URL: 'sqlite:q.sqlite' }, folder).database, { file: join(folder, 'q.sqlite') });
});

t.test('every error names the variable and what it takes', async (t) => {
  const folder = temporaryFolder(t);
  const cases: [Record<string, string>, RegExp][] = [
    [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL takes fatal, error, warn, info, debug, trace or silent$/],
    [{ LOG_REQUESTS: 'maybe' }, /^LOG_REQUESTS takes true or false$/],
    [{ DATABASE_TIMEOUT: '1.5' }, /^DATABASE_TIMEOUT takes the milliseconds/],
    [{ DATABASE_TIMEOUT: '-1' }, /^DATABASE_TIMEOUT takes the milliseconds/],
    [{ MAX_EVENT_LOOP_DELAY: 'NaN' }, /^MAX_EVENT_LOOP_DELAY takes the milliseconds/],
    [{ MAX_HEAP_MB: '1e9' }, /^MAX_HEAP_MB takes the megabytes/],
    [{ DATABASE_URL: 'oracle://x' }, /^DATABASE_URL takes sqlite:PATH/],
    [{ DATABASE_URL: 'sqlite:x', DATABASE_FILE: 'x' }, /^DATABASE_FILE and DATABASE_URL are both set/],
  ];
  for (const [environment, message] of cases) {
    t.throws(() => loadConfig(environment, folder), { code: 'MQ_ERR_CONFIG', exit: 2, message });
  }
});

t.test('a .env that cannot be read is an error, not a default', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, '.env'));
  t.throws(() => loadConfig({}, folder), StartError);
  t.throws(() => loadConfig({}, folder), /\.env cannot be read/);
});
