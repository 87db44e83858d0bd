// node:http as require() gives it. An import reads every one of its exports, and one of them, WebSocket, is made at the
// first look and brings all of undici along: 3 MB of every process (seen on Node 26.10).

import { createRequire } from 'node:module';

export const http: typeof import('node:http') = createRequire(import.meta.url)('node:http');
