// Fastify by its own `listen`, with an access log as `tsgi serve` writes it: a line in the combined format for each
// request, in batches of 16 KiB or 100 ms, by pino's own way to a file.

import { destination } from 'pino';
import { createApp } from './app.mjs';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const log = destination({
  dest: process.env.ACCESS_LOG,
  sync: false,
  minLength: 16_384,
  maxWrite: 65_536,
  periodicFlush: 100,
});
const app = createApp();
app.addHook('onResponse', async (request, reply) => {
  const { headers } = request;
  const what = `${request.method} ${request.url} HTTP/${request.raw.httpVersion}`;
  const size = reply.getHeader('content-length') ?? 0;
  const by = `"${printable(headers.referer ?? '-')}" "${printable(headers['user-agent'] ?? '-')}"`;
  log.write(`${request.ip} - - [${commonTime(new Date())}] "${printable(what)}" ${reply.statusCode} ${size} ${by}\n`);
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });

/** What a client sent, so that it cannot break the line. */
function printable(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that break a line
  return text.replace(/[\x00-\x1f\x7f"\\]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function commonTime(at) {
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}:${clock} +0000`;
}

function two(number) {
  return String(number).padStart(2, '0');
}
