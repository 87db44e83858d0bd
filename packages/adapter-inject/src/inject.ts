// An application behind light-my-request: the same translation as over a socket, and no socket.

import { type NodeListenerOptions, toNodeListener } from '@tsgi/adapter-node';
import { type Application, type ContextOptions, createContext, type Log } from '@tsgi/core';
import lightMyRequest, { type InjectOptions as LightOptions, type Response } from 'light-my-request';

/** A request: a path, or what light-my-request takes (`method`, `url`, `headers`, `payload`, `query`, `cookies`, ...). */
export type InjectRequest = string | LightOptions;

/** Options of {@link inject}: the translation's limits and trust, and who the context says that it is. */
export interface InjectOptions extends Omit<NodeListenerOptions, 'context' | 'log'> {
  readonly name?: string;
  readonly worker?: number;
  readonly generation?: number;
  readonly log?: Log;
}

/** An application that has started and waits for requests. */
export interface Injected {
  /** Sends one request and resolves to the whole response. Rejects when the application cut its response. */
  request(request: InjectRequest): Promise<Response>;
  /** Drains: `context.draining` aborts, open requests and `waitUntil` finish, `stop` runs. */
  close(): Promise<void>;
}

/** Starts `application` and returns what sends requests to it. Rejects with what `start` threw. */
export async function inject(application: Application, options: InjectOptions = {}): Promise<Injected> {
  const control = createContext(options as ContextOptions);
  const listener = toNodeListener(application, { ...options, context: control });
  await application.start?.(control.context);
  const open = new Set<Promise<unknown>>();
  let closing: Promise<void> | null = null;

  async function close(): Promise<void> {
    control.drain();
    await Promise.allSettled(open);
    await control.settled();
    try {
      await application.stop?.();
    } catch (error) {
      control.context.log.error({ err: error }, 'the application failed to stop');
    }
  }

  return {
    async request(request) {
      if (closing !== null) throw new Error('the application is closed: send requests before close()');
      const sent = Promise.resolve(lightMyRequest(listener as never, framed(request)));
      open.add(sent);
      try {
        return await sent;
      } finally {
        open.delete(sent);
      }
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** A stream of unknown length is a chunked body on a socket, and must say so here too. */
function framed(request: InjectRequest): LightOptions {
  if (typeof request === 'string') return { url: request };
  const payload = request.payload ?? request.body;
  const streamed = typeof payload === 'object' && payload !== null && 'pipe' in payload;
  const names = Object.keys(request.headers ?? {}).map((name) => name.toLowerCase());
  if (!streamed || names.includes('content-length') || names.includes('transfer-encoding')) return request;
  return { ...request, headers: { ...request.headers, 'transfer-encoding': 'chunked' } };
}
