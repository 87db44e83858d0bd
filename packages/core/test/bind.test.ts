// Binds: what each text means, and what a wrong one is told.

import fc from 'fast-check';
import t from 'tap';
import { type Bind, parseBind, printBind } from '../src/bind.ts';
import { TsgiError } from '../src/errors.ts';

function errorOf(text: string): TsgiError {
  try {
    parseBind(text);
  } catch (error) {
    if (error instanceof TsgiError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(text)} was read`);
}

t.test('a TCP bind is a host and a port', async (t) => {
  const tcp = (host: string, port: number): Bind => ({ kind: 'tcp', host, port });
  t.same(parseBind('127.0.0.1:8000'), tcp('127.0.0.1', 8000));
  t.same(parseBind('0.0.0.0:80'), tcp('0.0.0.0', 80));
  t.same(parseBind('255.249.199.99:65535'), tcp('255.249.199.99', 65535));
  t.same(parseBind('localhost:8000'), tcp('localhost', 8000));
  t.same(parseBind('app_1.web-net.internal:8000'), tcp('app_1.web-net.internal', 8000), 'as Docker names services');
  t.same(parseBind('[::1]:8000'), tcp('::1', 8000));
  t.same(parseBind('[fe80::1%eth0]:8000'), tcp('fe80::1%eth0', 8000), 'a link-local address with its zone');
});

t.test('no host means every address of the machine', async (t) => {
  t.same(parseBind(':8000'), { kind: 'tcp', host: '', port: 8000 });
});

t.test('port 0 lets the system choose', async (t) => {
  t.same(parseBind('127.0.0.1:0'), { kind: 'tcp', host: '127.0.0.1', port: 0 });
});

t.test('different spellings of one TCP bind print the same', async (t) => {
  t.equal(printBind(parseBind('LOCALHOST:08000')), 'localhost:8000');
  t.equal(printBind(parseBind('[0:0:0:0:0:0:0:1]:80')), '[::1]:80');
  t.equal(printBind(parseBind('[2001:DB8::0:1]:80')), '[2001:db8::1]:80');
});

t.test('a Unix bind is an absolute path', async (t) => {
  t.same(parseBind('unix:/run/app.sock'), { kind: 'unix', path: '/run/app.sock' });
  t.same(parseBind('unix:/run/my app/ä.sock'), { kind: 'unix', path: '/run/my app/ä.sock' });
  t.same(parseBind('unix:///run/app.sock'), { kind: 'unix', path: '/run/app.sock' }, 'as a URL, like Gunicorn');
});

t.test('a descriptor is given by number, a socket activation by name', async (t) => {
  t.same(parseBind('fd://3'), { kind: 'fd', fd: 3 });
  t.same(parseBind('fd://2147483647'), { kind: 'fd', fd: 2147483647 });
  t.same(parseBind('systemd'), { kind: 'systemd' });
  t.same(parseBind('systemd:web.socket'), { kind: 'systemd', name: 'web.socket' });
  t.same(parseBind(`systemd:${'n'.repeat(255)}`), { kind: 'systemd', name: 'n'.repeat(255) });
});

// What is wrong with each text, and what its writer is told to write instead.
const GRAMMAR = 'write host:port, [ipv6]:port, :port, unix:/path, fd://N, systemd or systemd:NAME';
const mistakes: [text: string, problem: string, todo: string][] = [
  ['', 'is empty', GRAMMAR],
  [' :8000\n', 'has space around it', 'write ":8000"'],
  ['local\0host:80', 'has a control character in it', GRAMMAR],
  ['unix:/run/a\0b', 'has a control character in it', GRAMMAR],
  ['unix:/run/a\nb', 'has a control character in it', GRAMMAR],

  ['8000', 'is a port without a host', 'write ":8000" or "127.0.0.1:8000"'],
  ['99999', 'is a port without a host', 'write "127.0.0.1:8000"'],
  ['localhost', 'has no port', 'write "localhost:8000"'],
  ['192.168.0.1', 'has no port', 'write "192.168.0.1:8000"'],
  ['hello world', 'is not host and port', GRAMMAR],
  ['localhost:', 'has no port after the colon', 'write "localhost:8000"'],
  [':', 'has no port after the colon', 'write ":8000"'],
  ['localhost:http', 'has "http" for a port, which is not a number', 'write "localhost:8000"'],
  ['localhost:80/', 'has "80/" for a port, which is not a number', 'write "localhost:80"'],
  ['localhost:-1', 'has "-1" for a port, which is not a number', 'write "localhost:8000"'],
  ['127.0.0.1:65536', 'has 65536 for a port, and ports end at 65535', 'write "127.0.0.1:8000"'],
  ['*:8000', 'has * for a host', 'write ":8000"'],
  ['-x:80', 'has "-x" for a host, which is no address or name', GRAMMAR],
  ['a..b:80', 'has "a..b" for a host, which is no address or name', GRAMMAR],
  [`${'a'.repeat(64)}:80`, `has "${'a'.repeat(64)}" for a host, which is no address or name`, GRAMMAR],
  ['256.0.0.1:80', 'has "256.0.0.1" for a host, which is no address or name', GRAMMAR],
  ['127.1:80', 'has "127.1" for a host, which is no address or name', GRAMMAR],
  ['010.0.0.1:80', 'has "010.0.0.1" for a host, which is no address or name', GRAMMAR],
  ['8000:127.0.0.1', 'has "8000" for a host, which is no address or name', GRAMMAR],

  ['::1', 'has an IPv6 address without brackets', 'write "[::1]:8000"'],
  ['fe80::1:8000', 'has an IPv6 address without brackets', 'write "[fe80::1]:8000" or "[fe80::1:8000]:8000"'],
  [':::8000', 'has an IPv6 address without brackets', 'write "[::]:8000"'],
  ['a:b:80', 'has more than one colon, and no IPv6 address in brackets', GRAMMAR],
  ['[::1]', 'has no port', 'write "[::1]:8000"'],
  ['[::1]:', 'has no port after the colon', 'write "[::1]:8000"'],
  ['[::1]:http', 'has "http" for a port, which is not a number', 'write "[::1]:8000"'],
  ['[::1]8000', 'has no IPv6 address between brackets', 'write "[::1]:8000"'],
  ['[127.0.0.1]:80', 'has no IPv6 address between brackets', 'write "[::1]:8000"'],
  ['[::g]:80', 'has no IPv6 address between brackets', 'write "[::1]:8000"'],
  ['[1::2::3]:80', 'has no IPv6 address between brackets', 'write "[::1]:8000"'],

  ['http://127.0.0.1:8000/shop', 'is a URL', 'write "127.0.0.1:8000"'],
  ['tcp://localhost', 'is a URL', 'write "localhost:8000"'],
  ['http://', 'is a URL', 'write ":8000"'],
  ['/run/app.sock', 'is a path without unix: before it', 'write "unix:/run/app.sock"'],

  ['unix:', 'names no path', 'write "unix:/run/app.sock"'],
  ['unix:run/app.sock', 'has a relative path', 'write "unix:/run/app.sock"'],
  ['unix:../app.sock', 'has a relative path', 'write "unix:/app.sock"'],
  ['unix://run/app.sock', 'has a host in front of its path', 'write "unix:/run/app.sock"'],
  ['unix:/run/', 'names a folder, not a socket', 'write "unix:/run/app.sock"'],
  ['unix:/', 'names a folder, not a socket', 'write "unix:/app.sock"'],
  ['UNIX:/run/app.sock', 'has its kind in capital letters', 'write "unix:/run/app.sock"'],

  ['fd:3', 'is not fd:// and the number of a descriptor', 'write "fd://3"'],
  ['fd://', 'is not fd:// and the number of a descriptor', 'write "fd://3"'],
  ['fd://x7', 'is not fd:// and the number of a descriptor', 'write "fd://7"'],
  ['fd://0', 'is standard input', 'write "fd://3"'],
  ['fd://1', 'is standard output', 'write "fd://3"'],
  ['fd://2', 'is standard error', 'write "fd://3"'],
  ['fd://2147483648', 'is beyond the number of any descriptor', 'write "fd://3"'],

  ['systemd:', 'names no socket', 'write "systemd"'],
  [
    'systemd:a:b',
    'has a name that systemd does not take: 1 to 255 printable ASCII characters without a colon',
    GRAMMAR,
  ],
  ['Systemd', 'has its kind in capital letters', 'write "systemd"'],
];

t.test('a wrong bind is told what is wrong with it and what would be right', async (t) => {
  for (const [text, problem, todo] of mistakes) {
    const { code, exit, message, todo: told } = errorOf(text);
    const shown = JSON.stringify(text).slice(1, -1);
    t.same(
      { code, exit, message, todo: told },
      { code: 'TSGI_ERR_BIND_SYNTAX', exit: 2, message: `the bind "${shown}" ${problem}`, todo },
      JSON.stringify(text),
    );
  }
});

t.test('an abstract socket is refused with the reason', async (t) => {
  for (const text of ['unix:@app', 'unix:\0app']) {
    const { code, message, todo } = errorOf(text);
    t.equal(code, 'TSGI_ERR_SOCKET_ABSTRACT');
    t.match(message, 'no mode or owner would protect it');
    t.match(todo, 'unix:/run/app.sock');
  }
});

t.test('a socket path may have 107 bytes, counted as UTF-8', async (t) => {
  t.same(parseBind(`unix:/${'a'.repeat(106)}`), { kind: 'unix', path: `/${'a'.repeat(106)}` });
  t.equal(errorOf(`unix:/${'a'.repeat(107)}`).code, 'TSGI_ERR_SOCKET_PATH_LENGTH');
  t.match(errorOf(`unix:/${'ä'.repeat(54)}`).message, 'has 109 bytes, and the system takes 107 at most');
});

t.test('an error stays on one line and short, whatever the text was', async (t) => {
  const { message } = errorOf(`a\nb\u001b${'x'.repeat(10_000)}`);
  t.notMatch(message, /\p{Cc}/u);
  t.ok(message.length < 300);
});

const ipv4 = fc.ipV4();
const host = fc.oneof(fc.constant(''), ipv4, fc.ipV6(), fc.domain(), fc.constant('localhost'));
const bind: fc.Arbitrary<Bind> = fc.oneof(
  fc.record({ kind: fc.constant('tcp' as const), host, port: fc.integer({ min: 0, max: 65535 }) }),
  fc.record({
    kind: fc.constant('unix' as const),
    path: fc.stringMatching(/^\/[\w .:@~-]{1,40}(\/[\w :@~-]{1,30}){0,2}[\w:@~-]$/),
  }),
  fc.record({ kind: fc.constant('fd' as const), fd: fc.integer({ min: 3, max: 0x7fffffff }) }),
  fc.record({ kind: fc.constant('systemd' as const) }),
  fc.record({ kind: fc.constant('systemd' as const), name: fc.stringMatching(/^[!-9;-~]{1,255}$/) }),
);

t.test('what is printed is read again as the same bind, and printed the same', async () => {
  fc.assert(
    fc.property(bind, (made) => {
      const read = parseBind(printBind(made));
      const printed = printBind(read);
      const again = parseBind(printed);
      return JSON.stringify(again) === JSON.stringify(read) && printBind(again) === printed && read.kind === made.kind;
    }),
  );
});

t.test('every text is either read or refused by an error of the table whose suggestions can be read', async (t) => {
  const piece = fc.constantFrom(
    ...[
      'unix:',
      'fd:',
      '//',
      '/',
      ':',
      '[',
      ']',
      '::1',
      '127.0.0.1',
      'systemd',
      'http',
      '@',
      '\0',
      ' ',
      '%',
      '.',
      '8000',
    ],
  );
  const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 5, unit: 'binary' }))).map((pieces) => pieces.join(''));
  let suggested = 0;
  fc.assert(
    fc.property(text, (text) => {
      let error: TsgiError;
      try {
        const read = parseBind(text);
        return JSON.stringify(parseBind(printBind(read))) === JSON.stringify(read);
      } catch (thrown) {
        if (!(thrown instanceof TsgiError)) return false;
        error = thrown;
      }
      if (error.code !== 'TSGI_ERR_BIND_SYNTAX' || error.todo === GRAMMAR) return true;
      for (const [, suggestion = ''] of error.todo.matchAll(/"([^"]+)"(?: or |$)/g)) {
        parseBind(suggestion);
        suggested++;
      }
      return true;
    }),
    { numRuns: 2000 },
  );
  t.ok(suggested > 0, 'some had a suggestion');
});
