// The error table and its errors: every entry says what happened and what to do, and nothing is left unfilled.

import { readFile } from 'node:fs/promises';
import t from 'tap';
import { ERRORS, type ErrorCode, type ErrorDetails, TsgiError } from '../src/errors.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];

t.test('every entry has a code of ours, a text and a todo', async (t) => {
  for (const code of codes) {
    const { text, todo } = ERRORS[code];
    t.match(code, /^TSGI_ERR_[A-Z]+(_[A-Z]+)*$/);
    t.ok(text.trim(), `${code} says what happened`);
    t.ok(todo.trim(), `${code} says what to do`);
    t.notMatch(text, /[.\n]$/, `${code} can stand within a line`);
  }
});

t.test('every entry ends a request, or a program, or says that it does neither', async (t) => {
  for (const code of codes) {
    const { status, exit } = ERRORS[code];
    t.ok(status === 0 || (status >= 400 && status <= 599), `${code} has a status of an error`);
    t.ok(exit === 0 || exit === 2 || exit === 3, `${code} has an exit status of the two that mean something`);
    t.ok(status === 0 || exit === 0, `${code} does not do both`);
  }
});

t.test('every name in braces is filled from the details, in the text and in the todo', async (t) => {
  for (const code of codes) {
    const braces = `${ERRORS[code].text} ${ERRORS[code].todo}`.matchAll(/\{(\w+)\}/g);
    const details = Object.fromEntries([...braces].map(([, name]) => [name, `<${name}>`]));
    const error = Reflect.construct(TsgiError, [code, details]) as TsgiError;
    t.notMatch(error.message + error.todo, /[{}]/, code);
    for (const name of Object.keys(details)) t.match(error.message + error.todo, `<${name}>`);
  }
});

t.test('the compiler asks for the details of a text', async (t) => {
  // @ts-expect-error: without the limit
  t.equal(new TsgiError('TSGI_ERR_BODY_TOO_LARGE', {}).message, 'the body is longer than {limit} bytes');
  // @ts-expect-error: a code that is not in the table
  t.throws(() => new TsgiError('TSGI_ERR_NONE', {}));
  const details: ErrorDetails<'TSGI_ERR_BODY_TOO_LARGE'> = { limit: 10 };
  t.equal(new TsgiError('TSGI_ERR_BODY_TOO_LARGE', details).message, 'the body is longer than 10 bytes');
});

t.test('details are put in as they are, even when they look like names in braces', async (t) => {
  const details = { bind: '{problem} $& $1', problem: 'is {bind}', todo: 'x' };
  t.equal(new TsgiError('TSGI_ERR_BIND_SYNTAX', details).message, 'the bind "{problem} $& $1" is {bind}');
});

t.test('an error carries what a server and a framework look for', async (t) => {
  const cause = new Error('EADDRINUSE');
  const error = new TsgiError('TSGI_ERR_BIND_IN_USE', { bind: ':80' }, { cause });
  t.type(error, Error);
  t.equal(error.cause, cause);
  t.match(error, {
    name: 'TsgiError',
    code: 'TSGI_ERR_BIND_IN_USE',
    status: 0,
    exit: 2,
    message: 'the bind ":80" is in use by another program',
    todo: 'stop the program that listens there, or choose another bind',
  });
  t.match(error.stack, /^TsgiError: the bind ":80" is in use/);
  t.equal(new TsgiError('TSGI_ERR_BODY_READ_TWICE').statusCode, 500);
  t.equal(new TsgiError('TSGI_ERR_BODY_TOO_LARGE', { limit: 1 }).statusCode, 413);
});

t.test('the README lists every error as the table has it', async (t) => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const shown = (number: number): string => (number === 0 ? '-' : String(number));
  const rows = codes.map((code) => {
    const { status, exit, text } = ERRORS[code];
    return `| \`${code}\` | ${shown(status)} | ${shown(exit)} | ${text.replaceAll(/\{(\w+)\}/g, '*$1*')} |`;
  });
  t.same(readme.match(/^\| `TSGI_ERR_.*$/gm), rows);
});
