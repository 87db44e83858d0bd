// The application written for the gateway interface itself.

import { text } from 'node:stream/consumers';
import type { Application, GatewayResponse } from '@tsgi/core';
import { DOCUMENT } from '../payloads.ts';

export const plainApplication: Application = {
  async handle({ target, body }) {
    if (target === '/hello') return json({ hello: 'world' });
    if (target === '/json') return json(DOCUMENT);
    if (target === '/upload' && body !== null) return json({ items: JSON.parse(await text(body)).items.length });
    return { status: 404, headers: [], body: null };
  },
};

function json(value: unknown): GatewayResponse {
  return { status: 200, headers: ['Content-Type', 'application/json'], body: JSON.stringify(value) };
}
