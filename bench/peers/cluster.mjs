// node:cluster as its documentation shows it: the primary starts workers, and each of them listens.

import cluster from 'node:cluster';

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.WORKERS); i++) cluster.fork();
} else {
  await import('./listen.mjs');
}
