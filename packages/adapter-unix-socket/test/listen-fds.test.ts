// The variables of a socket activation, read as sd_listen_fds(3) has them.

import t from 'tap';
import { chooseFd, listenFds } from '../src/listen-fds.ts';

const OURS = 4711;

t.test('descriptors begin at 3 and have the names that systemd gives', async (t) => {
  const env = { LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:admin' };
  t.strictSame(listenFds(env, OURS), [
    { fd: 3, name: 'web' },
    { fd: 4, name: 'admin' },
  ]);
});

t.test('without names every descriptor is unknown', async (t) => {
  t.strictSame(listenFds({ LISTEN_PID: '4711', LISTEN_FDS: '1' }, OURS), [{ fd: 3, name: 'unknown' }]);
});

t.test('the variables are gone after reading, and a second reading knows them still', async (t) => {
  const env = { LISTEN_PID: '4711', LISTEN_FDS: '1', LISTEN_FDNAMES: 'web', LISTEN_PIDFDID: '99', PATH: '/bin' };
  const first = listenFds(env, OURS);
  t.strictSame(env, { PATH: '/bin' });
  t.equal(listenFds(env, OURS), first);
});

t.test('a process that systemd did not start has none', async (t) => {
  t.strictSame(listenFds({}, OURS), []);
  t.strictSame(listenFds({ LISTEN_PID: '4711', LISTEN_FDS: '0' }, OURS), []);
});

t.test('descriptors for another process are refused, and the wrapper is named as the cause', async (t) => {
  const env = { LISTEN_PID: '1', LISTEN_FDS: '1' };
  t.throws(() => listenFds(env, OURS), {
    code: 'TSGI_ERR_DESCRIPTOR',
    exit: 2,
    message: 'the descriptor from systemd is for process "1" (LISTEN_PID), and this is process 4711',
    todo: /wrapper such as npm, pnpm/,
  });
  t.strictSame(env, {}, 'the variables are removed all the same');
});

t.test('malformed variables are refused', async (t) => {
  const refused = (env: Record<string, string>, message: RegExp) =>
    t.throws(() => listenFds(env, OURS), { code: 'TSGI_ERR_DESCRIPTOR', message });
  refused({ LISTEN_PID: '4711' }, /LISTEN_FDS is not set/);
  refused({ LISTEN_FDS: '1' }, /process not set/);
  refused({ LISTEN_PID: '4711', LISTEN_FDS: 'x' }, /LISTEN_FDS is "x"/);
  refused({ LISTEN_PID: '4711', LISTEN_FDS: '-1' }, /LISTEN_FDS is "-1"/);
  refused({ LISTEN_PID: '4711', LISTEN_FDS: '99999' }, /LISTEN_FDS is "99999"/);
  refused({ LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web' }, /LISTEN_FDNAMES is "web"/);
});

t.test('a bind means one descriptor, or says which there are', async (t) => {
  const web = { fd: 3, name: 'web' };
  const admin = { fd: 4, name: 'admin' };
  t.equal(chooseFd([web], undefined), 3);
  t.equal(chooseFd([web, admin], 'admin'), 4);
  const refused = (list: (typeof web)[], name: string | undefined, message: RegExp, todo: RegExp) =>
    t.throws(() => chooseFd(list, name), { code: 'TSGI_ERR_DESCRIPTOR', message, todo });
  refused([], undefined, /LISTEN_FDS is not set/, /socket unit/);
  refused([web, admin], undefined, /one of 2: web, admin/, /systemd:web/);
  refused([web, admin], 'api', /the name api is not there, only web, admin/, /systemd:web/);
  refused([web, web], 'web', /the name web is one of 2/, /FileDescriptorName=/);
});
