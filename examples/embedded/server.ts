// A program of its own, a queue of jobs, that also answers HTTP: the adapter is a part of it, and so is its end.

import { listen } from '@tsgi/adapter-node';
import { fromFastify } from '@tsgi/bridge-node';
import { type Application, mount, parseBind, printBind } from '@tsgi/core';
import Fastify from 'fastify';

const jobs: string[] = [];
const done: string[] = [];
const work = setInterval(() => {
  const job = jobs.shift();
  if (job !== undefined) done.push(job);
}, 10);

// The queue's API is a Fastify application...
const api = Fastify();
api.get('/jobs', async () => ({ waiting: jobs, done }));
api.post<{ Body: { name: string } }>('/jobs', async (request, reply) => {
  jobs.push(request.body.name);
  return reply.code(202).send();
});

// ...and its health a plain one, which says so when the program is about to leave.
const health: Application = {
  handle: (_request, context) =>
    context.draining.aborted
      ? { status: 503, headers: [], body: 'leaving' }
      : { status: 200, headers: [], body: `${jobs.length} waiting` },
};

const server = await listen(
  mount({ '/api': fromFastify(api), '/health': health }),
  parseBind(process.env.TSGI_BIND ?? '127.0.0.1:8000'),
  { name: 'queue' },
);
console.log(`Listening on ${printBind(server.address)}`);

async function stop(): Promise<void> {
  // First nobody can bring a job any more, then those that wait are done.
  await server.drain();
  clearInterval(work);
  done.push(...jobs.splice(0));
  console.log(`${done.length} done`);
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
