// OpenTelemetry's instrumentations of node:http and of Fastify tell the same through the gateway as on Fastify's own
// listen: the server's span is named after the route, and the spans below it are its children.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

interface Span {
  readonly name: string;
  readonly kind: string;
  readonly parent?: string;
  readonly status: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The spans of one side, by a process of its own: instrumentation has to be there before node:http is loaded. */
async function spans(side: 'native' | 'ours'): Promise<Span[]> {
  const file = (name: string): string => fileURLToPath(new URL(`opentelemetry/${name}`, import.meta.url));
  const run = ['--conditions=@tsgi/source', '--import', file('tracing.ts'), file('application.ts'), side];
  const { stdout } = await promisify(execFile)(process.execPath, run, { timeout: 30_000 });
  return (JSON.parse(stdout) as Span[])
    .map(withoutPorts)
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Ports of the client and of the server differ from run to run. */
function withoutPorts(span: Span): Span {
  const attributes = Object.entries(span.attributes).filter(([name]) => !name.endsWith('.port'));
  return { ...span, attributes: Object.fromEntries(attributes) };
}

t.test('spans have the same names, routes, statuses, attributes and parents', async (t) => {
  const [native, ours] = await Promise.all([spans('native'), spans('ours')]);
  t.strictSame(ours, native);

  const served = ours.filter(({ kind }) => kind === 'SERVER');
  t.strictSame(served.map(({ name }) => name).sort(), [
    'GET',
    'GET /delayed',
    'GET /fails',
    'GET /hello/:name',
    'GET /stream',
    'GET /within/a/plugin/:id',
    'HEAD /hello/:name',
    'POST /body',
  ]);
  const { attributes, parent } = served.find(({ name }) => name === 'GET /within/a/plugin/:id') as Span;
  t.match(attributes, { 'http.route': '/within/a/plugin/:id', 'http.response.status_code': 200 });
  t.equal(parent, 'b7ad6b7169203331', 'the caller that traceparent names');
});
