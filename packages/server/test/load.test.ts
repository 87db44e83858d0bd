import { join } from 'node:path';
import t from 'tap';
import { loadApplication } from '../src/load/load.ts';

const here = import.meta.dirname;

t.test('each kind of application is known by its shape', async (t) => {
  const cwd = t.testdir({
    'kinds.mjs': `
      import { createRequire } from 'node:module';
      const require = createRequire(${JSON.stringify(join(here, 'x.js'))});
      export const gateway = { handle: () => null };
      export const fastify = require('fastify')();
      export const fetcher = { fetch: () => new Response() };
      export const listener = (req, res) => res.end();
      export const factory = async () => gateway;
      export const createListener = (a) => listener;
      export default () => gateway;
    `,
  });
  const kind = async (spec: string) => (await loadApplication(spec, cwd)).kind;
  t.equal(await kind('./kinds.mjs:gateway'), 'gateway');
  t.equal(await kind('./kinds.mjs:fastify'), 'fastify');
  t.equal(await kind('./kinds.mjs:fetcher'), 'fetch');
  t.equal(await kind('./kinds.mjs:listener'), 'listener');
  t.equal(await kind('./kinds.mjs:factory'), 'gateway');
  t.equal(await kind('./kinds.mjs:createListener()'), 'listener');
  t.equal(await kind('kinds.mjs'), 'gateway', 'the default export, of a file without ./');
});

t.test('what cannot be served says what was looked for and what was found', async (t) => {
  const cwd = t.testdir({
    'odd.mjs':
      'export const one = 1; export const obj = { a: 1 }; export const boom = () => { throw new Error("no"); };',
    'empty.mjs': '',
    'throws.mjs': 'throw new Error("at import")',
  });
  const fails = (spec: string, message: RegExp, exit = 3) =>
    t.rejects(loadApplication(spec, cwd), { message, exit, todo: /\S/ }, spec);
  await fails('./odd.mjs:one', /one of .\/odd.mjs is 1, and no application/);
  await fails('./odd.mjs:obj', /an object with a/);
  await fails('./odd.mjs:two', /does not export two; it exports boom, obj, one/);
  await fails('./odd.mjs', /exports none of default, app/);
  await fails('./odd.mjs:boom()', /boom\(\) of .\/odd.mjs throws: no/);
  await fails('./odd.mjs:one()', /is no function/);
  await fails('./empty.mjs', /exports nothing/);
  await fails('./throws.mjs', /fails when it is imported: at import/);
  await fails('./missing.mjs', /there is no file/);
  await fails('no-such-package', /no file .* and no package/);
  await fails('app.mjs:a(b)', /cannot be read/, 2);
});
