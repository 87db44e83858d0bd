// The API's description: it is valid, has every route, and is a page that can be read.

import { Validator } from '@seriousme/openapi-schema-validator';
import { createApp } from '@tsgi/app-movie-quotes';
import t from 'tap';
import { configIn, startSite, temporaryFolder } from './fixtures/movie-quotes.ts';

const site = await startSite(t);

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

async function describe(): Promise<{ paths: Record<string, Record<string, Operation>>; tags: { name: string }[] }> {
  return (await site.request('/docs/openapi.json')).json();
}

t.test('the document is valid OpenAPI 3.1', async (t) => {
  const response = await site.request('/docs/openapi.json');
  t.equal(response.headers['content-type'], 'application/json; charset=utf-8');
  t.match(response.json().openapi, /^3\.1\./);
  const { valid, errors } = await new Validator().validate(response.json());
  t.ok(valid, JSON.stringify(errors));
});

t.test('every route of the API is in it, with what it is for and what it answers', async (t) => {
  const { paths, tags } = await describe();
  const app = createApp({ config: configIn(temporaryFolder(t)) });
  t.teardown(() => app.close());
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    if (url.startsWith('/api/') && method !== 'HEAD') routes.push(`${method} ${url.replace(/:(\w+)/g, '{$1}')}`);
  });
  await app.ready();
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
  );
  t.strictSame(operations.map(({ route }) => route).sort(), routes.sort());
  t.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, routes.length);
  for (const { route, operation } of operations) {
    t.match(operation.summary, /\w/, route);
    t.ok(operation.tags.every((tag) => tags.some(({ name }) => name === tag)) && operation.tags.length > 0, route);
    t.ok(
      Object.keys(operation.responses).some((status) => status.startsWith('2')),
      route,
    );
    for (const status of ['429', '500', '503']) t.ok(operation.responses[status], `${route} ${status}`);
    for (const { description } of Object.values(operation.responses)) t.match(description, /\w/);
  }
});

t.test('the page has every operation, where a link finds it, and an example that works', async (t) => {
  const { paths } = await describe();
  const response = await site.request({ url: '/docs', headers: { host: 'quotes.example' } });
  t.equal(response.statusCode, 200);
  t.match(response.headers['content-type'], 'text/html');
  const { body } = response;
  t.ok(response.rawPayload.length < 50_000, `${response.rawPayload.length} bytes`);
  for (const { operationId, summary } of Object.values(paths).flatMap((methods) => Object.values(methods))) {
    t.ok(body.includes(`id="${operationId}"`) && body.includes(`href="#${operationId}"`), operationId);
    t.ok(body.includes(summary), summary);
  }
  const ids = [...body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  t.equal(new Set(ids).size, ids.length, 'no id is there twice');
  for (const [, id] of body.matchAll(/ href="#([^"]+)"/g)) t.ok(ids.includes(id), `#${id} is on the page`);
  t.notMatch(body, /<style|style=| on\w+=/, 'nothing that the policy would refuse');
  const examples = [...body.matchAll(/curl &#39;http:\/\/quotes\.example([^&]*)/g)].map(([, path]) => path as string);
  t.ok(examples.length >= 6);
  for (const path of examples) {
    if (path.endsWith('/stream')) continue;
    t.ok(path.startsWith(`${site.root}/api/v1/`), path);
    t.equal((await site.request(path.slice(site.root.length))).statusCode, 200, path);
  }
});
