// node:http and node:https as require() gives them. An import reads every one of their exports, and one of them,
// http.WebSocket, is made at the first look and brings all of undici along: 3 MB of every process (seen on Node 26.10).

import { createRequire } from 'node:module';

const require: NodeJS.Require = createRequire(import.meta.url);

export const http: typeof import('node:http') = require('node:http');

/** Loaded where there is a certificate. */
export function loadHttps(): typeof import('node:https') {
  return require('node:https');
}
