import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { createLogger } from '../src/config/logger.ts';
import { temporaryFolder } from './fixtures/movie-quotes.ts';

const linesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

t.test('any number of writers append their lines to one file', async (t) => {
  const file = join(temporaryFolder(t), 'app_logs.log');
  const [one, other] = [1, 2].map(() => createLogger({ level: 'info', requests: true, file }, false));
  for (let i = 0; i < 50; i++) {
    one?.info({ i }, 'from one');
    other?.info({ i }, 'from the other');
  }
  const lines = linesOf(file);
  t.equal(lines.length, 100);
  t.strictSame([lines[0].msg, lines[1].msg, lines[99].i], ['from one', 'from the other', 49]);
});

t.test('secrets are not written', async (t) => {
  const file = join(temporaryFolder(t), 'app_logs.log');
  const log = createLogger({ level: 'info', requests: true, file }, false);
  const headers = { authorization: 'Bearer 123456', Cookie: 'session=123456', host: 'localhost' };
  log.child({ reqId: 'a' }).warn({ headers, password: '123456', token: '123456', n: null, of: [1] }, 'a line');
  t.notMatch(readFileSync(file, 'utf8'), '123456');
  t.match(linesOf(file), [
    { reqId: 'a', headers: { host: 'localhost', authorization: '[secret]' }, password: '[secret]', n: null, of: [1] },
  ]);
});

t.test('an error keeps its stack and its cause', async (t) => {
  const file = join(temporaryFolder(t), 'app_logs.log');
  const log = createLogger({ level: 'info', requests: true, file }, false);
  log.error({ err: new Error('the outer one', { cause: new Error('the inner one') }) }, 'it failed');
  t.match(linesOf(file), [{ err: { message: /the outer one/, stack: /caused by: Error: the inner one/ } }]);
});

t.test('a file that was renamed is let go of, and no line is lost', async (t) => {
  const folder = temporaryFolder(t);
  const [file, rotated] = [join(folder, 'app_logs.log'), join(folder, 'app_logs.log.1')];
  const logs = [1, 2].map(() => createLogger({ level: 'info', requests: true, file }, false));
  for (const log of logs) log.info('before');
  renameSync(file, rotated);
  // It looks once a second; what it writes until then is in the old file.
  let lines = 2;
  do {
    for (const log of logs) log.info('after');
    lines += logs.length;
    await delay(20);
  } while (!existsSync(file) || linesOf(file).length < 4);
  t.equal(linesOf(rotated).length + linesOf(file).length, lines);
  const last = linesOf(rotated).length;
  for (const log of logs) log.info('later');
  t.equal(linesOf(rotated).length, last);

  renameSync(file, `${rotated}.gz`);
  rmSync(folder, { recursive: true });
  await delay(1100);
  t.doesNotThrow(() => logs[0]?.info('where no file can be made'));
});
