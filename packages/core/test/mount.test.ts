// Applications under prefixes: who gets a request, what it sees of it, and how all start and stop.

import fc from 'fast-check';
import t from 'tap';
import { createContext } from '../src/context.ts';
import type { Application, GatewayRequest } from '../src/interface.ts';
import { type MountTable, mount } from '../src/mount.ts';
import { recordedContext, request, response } from './fixtures/request.ts';

const { context } = createContext();

/** Answers with its name, and the mount path and target that it sees. */
const telling = (name: string): Application => ({
  handle: ({ mountPath, target }) => ({ status: 200, headers: [], body: `${name} ${mountPath} ${target}` }),
});

async function told(application: Application, changes: Partial<GatewayRequest>): Promise<unknown> {
  const { status, body } = await response(application.handle(request(changes), context));
  return status === 200 ? body : status;
}

t.test('a prefix matches whole segments of the path, and is taken off', async (t) => {
  const application = mount('/shop', telling('shop'));
  const cases = {
    '/shop': 'shop /shop /',
    '/shop/': 'shop /shop /',
    '/shop/cart/1?page=2': 'shop /shop /cart/1?page=2',
    '/shop?page=2': 'shop /shop /?page=2',
    '/shop//cart': 'shop /shop //cart',
    '/shopping': 404,
    '/Shop': 404,
    '/': 404,
    '/x/shop': 404,
    '/?/shop': 404,
  };
  for (const [target, expected] of Object.entries(cases))
    t.equal(await told(application, { target }), expected, target);
});

t.test('of several prefixes the longest wins, in whatever order they are written', async (t) => {
  const application = mount({
    '/': telling('rest'),
    '/shop': telling('shop'),
    '/shop/admin': telling('admin'),
  });
  const cases = {
    '/shop/admin': 'admin /shop/admin /',
    '/shop/admin/users': 'admin /shop/admin /users',
    '/shop/administer': 'shop /shop /administer',
    '/shop?/admin': 'shop /shop /?/admin',
    '/shopping': 'rest  /shopping',
    '/': 'rest  /',
  };
  for (const [target, expected] of Object.entries(cases))
    t.equal(await told(application, { target }), expected, target);
});

t.test('an encoded or dotted spelling of a prefix does not reach what is under it', async (t) => {
  const application = mount({ '/shop': telling('shop'), '/shop/admin': telling('admin') });
  t.equal(await told(application, { target: '/shop/%61dmin' }), 'shop /shop /%61dmin');
  t.equal(await told(application, { target: '/shop/x/../admin' }), 'shop /shop /x/../admin');
  t.equal(await told(application, { target: '/shop%2fadmin' }), 404);
});

t.test('the target * goes to the root, or nowhere', async (t) => {
  const options = { method: 'OPTIONS', target: '*' };
  t.equal(await told(mount({ '/shop': telling('shop'), '/': telling('rest') }), options), 'rest  *');
  t.equal(await told(mount('/shop', telling('shop')), options), 404);
});

t.test('a mount in a mount adds up', async (t) => {
  const application = mount('/a', mount({ '/b': mount('/', telling('inner')) }));
  t.equal(await told(application, { target: '/a/b/c?d', mountPath: '/front' }), 'inner /front/a/b /c?d');
});

t.test('mount path and target together are the full path, whatever is mounted', async () => {
  const segment = fc.stringMatching(/^[a-c%]{1,2}$/);
  const segments = (least: number) => fc.array(segment, { minLength: least, maxLength: 3 });
  const path = (list: string[]) => `/${list.join('/')}`;
  await fc.assert(
    fc.asyncProperty(segments(1), segments(0), async (prefix, requested) => {
      const target = path(requested);
      const seen = await told(mount(path(prefix), telling('x')), { target });
      const inside = requested.length >= prefix.length && prefix.every((one, i) => one === requested[i]);
      if (!inside) return seen === 404;
      const [, mountPath, rest] = String(seen).split(' ');
      const full = requested.length === prefix.length ? `${target}/` : target;
      return mountPath === path(prefix) && `${mountPath}${rest}` === full;
    }),
  );
});

t.test('a 404 is plain text, and has no body on HEAD', async (t) => {
  const application = mount('/shop', telling('shop'));
  t.same(await application.handle(request(), context), {
    status: 404,
    headers: ['content-type', 'text/plain; charset=utf-8'],
    body: 'Not Found\n',
  });
  t.match(await application.handle(request({ method: 'HEAD' }), context), { status: 404, body: null });
});

t.test('the application gets the context, and its answer comes back as it is', async (t) => {
  const answer = { status: 200, headers: [], body: null };
  const application = mount({
    '/now': {
      handle(_, given) {
        t.equal(given, context);
        return answer;
      },
    },
  });
  t.equal(application.handle(request({ target: '/now' }), context), answer);
});

/** An application that writes down its starts and stops, and fails where it is told to. */
function lifecycle(seen: string[], name: string, fails: readonly string[] = []): Application {
  const step = async (what: string): Promise<void> => {
    seen.push(`${what} ${name}`);
    if (fails.includes(what)) throw new Error(`${name} does not ${what}`);
  };
  return { ...telling(name), start: () => step('start'), stop: () => step('stop') };
}

t.test('all start in the order of the table and stop in reverse', async (t) => {
  const seen: string[] = [];
  const one = lifecycle(seen, 'one');
  const application = mount({ '/long/one': one, '/2': lifecycle(seen, 'two'), '/3': telling('three'), '/again': one });
  await application.start?.(context);
  await application.stop?.();
  t.same(seen, ['start one', 'start two', 'stop two', 'stop one']);
});

t.test('when one does not start, those before it are stopped and its error goes on', async (t) => {
  const seen: string[] = [];
  const { context, lines } = recordedContext();
  const application = mount({
    '/1': lifecycle(seen, 'one'),
    '/2': lifecycle(seen, 'two', ['stop']),
    '/3': lifecycle(seen, 'three', ['start']),
    '/4': lifecycle(seen, 'four'),
  });
  await t.rejects(Promise.resolve(application.start?.(context)), { message: 'three does not start' });
  t.same(seen, ['start one', 'start two', 'start three', 'stop two', 'stop one']);
  t.match(lines, [{ level: 'error', fields: { err: { message: 'two does not stop' } } }]);
});

t.test('all are stopped even when some do not; the first error goes on, the others are logged', async (t) => {
  const seen: string[] = [];
  const { context, lines } = recordedContext();
  const application = mount({
    '/1': lifecycle(seen, 'one'),
    '/2': lifecycle(seen, 'two', ['stop']),
    '/3': lifecycle(seen, 'three', ['stop']),
  });
  await application.start?.(context);
  await t.rejects(Promise.resolve(application.stop?.()), { message: 'three does not stop' });
  t.same(seen.slice(3), ['stop three', 'stop two', 'stop one']);
  t.match(lines, [{ level: 'error', fields: { err: { message: 'two does not stop' } } }]);
});

t.test('without a start there is no log, and stop still stops all', async (t) => {
  const seen: string[] = [];
  const application = mount({ '/1': lifecycle(seen, 'one', ['stop']), '/2': lifecycle(seen, 'two', ['stop']) });
  await t.rejects(Promise.resolve(application.stop?.()), { message: 'two does not stop' });
  t.same(seen, ['stop two', 'stop one']);
});

t.test('a prefix that could never match is refused with what would be right', async (t) => {
  const cases: [prefix: string, problem: string, todo: string][] = [
    ['', 'is empty', 'write / for the application that has what no other prefix has'],
    ['shop', 'does not start with /', 'write /shop'],
    ['/shop/', 'has an empty segment', 'write /shop'],
    ['//shop', 'has an empty segment', 'write /shop'],
    ['//', 'has an empty segment', 'write /'],
    ['/shop?x', 'has a query or a fragment in it', 'write the path alone'],
    ['/shop#x', 'has a query or a fragment in it', 'write the path alone'],
    ['/the shop', 'has characters that a path on the wire cannot have', 'write /the%20shop'],
    ['/größe', 'has characters that a path on the wire cannot have', 'write /gr%C3%B6%C3%9Fe'],
    ['/\ud800', 'has characters that a path on the wire cannot have', 'write it percent-encoded'],
    ['/shop/../admin', 'has a dot segment', 'write the path without . and ..'],
    ['/.', 'has a dot segment', 'write the path without . and ..'],
  ];
  for (const [prefix, problem, todo] of cases) {
    const message = `the mount prefix ${JSON.stringify(prefix)} ${problem}`;
    t.throws(() => mount(prefix, telling('x')), { code: 'TSGI_ERR_MOUNT', exit: 2, message, todo }, prefix);
  }
});

t.test('what is no application is refused before the first request', async (t) => {
  const expected = { code: 'TSGI_ERR_MOUNT', message: /"\/x" has no application under it/, todo: /bridge/ };
  for (const wrong of [undefined, null, {}, () => {}] as unknown as Application[]) {
    t.throws(() => mount('/x', wrong), expected);
    t.throws(() => mount({ '/': telling('rest'), '/x': wrong } satisfies MountTable), expected);
  }
});
