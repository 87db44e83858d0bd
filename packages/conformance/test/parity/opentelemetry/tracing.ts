// Loaded by --import, before anything else: instruments node:http, and keeps every span that has ended.

import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { NodeTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-node';

/** The spans that have ended, oldest first; `ended` emits 'span' after each. */
export const spans: ReadableSpan[] = [];
export const ended: EventEmitter = new EventEmitter();

const keeper = {
  onStart() {},
  onEnd(span: ReadableSpan) {
    spans.push(span);
    ended.emit('span');
  },
  async forceFlush() {},
  async shutdown() {},
};

export const provider: NodeTracerProvider = new NodeTracerProvider({ spanProcessors: [keeper] });
provider.register();
new HttpInstrumentation().setTracerProvider(provider);
// The instrumentation patches what is loaded by require; the prototypes that it patches are those that import gives, too.
createRequire(import.meta.url)('node:http');
