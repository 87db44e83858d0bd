// A load inside a container: keep-alive clients, one request at a time each, until TERM or the bound. Then it prints how
// many answers came, and what failed. usage: node load.mjs WHERE CLIENTS   (WHERE: a port of 127.0.0.1, or a path)

import http from 'node:http';

const [where, clients] = process.argv.slice(2);
const target = /^\d+$/.test(where) ? { host: '127.0.0.1', port: Number(where) } : { socketPath: where };
const failures = {};
let answers = 0;
let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});
setTimeout(() => {
  stopping = true;
}, 60_000).unref();

async function client() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (!stopping) {
    try {
      const status = await ask(agent);
      if (status === 200) answers++;
      else failures[status] = (failures[status] ?? 0) + 1;
    } catch (error) {
      const kind = error.code ?? error.message;
      failures[kind] = (failures[kind] ?? 0) + 1;
    }
    // The server must have processor time for itself: what is counted is losses, not speed.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  agent.destroy();
}

function ask(agent) {
  return new Promise((resolve, reject) => {
    http
      .get({ ...target, path: '/', agent }, (reply) => {
        reply.on('error', reject).on('end', () => resolve(reply.statusCode));
        reply.resume();
      })
      .on('error', reject);
  });
}

await Promise.all(Array.from({ length: Number(clients) }, client));
console.log(JSON.stringify({ answers, failures }));
