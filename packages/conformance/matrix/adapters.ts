// The adapters of this workspace, as the suite wants them.

import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, Readable } from 'node:stream';
import { inject as injectInto } from '@tsgi/adapter-inject';
import { listen as listenOnTcp } from '@tsgi/adapter-node';
import { listen as listenOnUnix } from '@tsgi/adapter-unix-socket';
import type { AdapterUnderTest, Message, ServeOptions, ServerUnderTest } from '@tsgi/conformance';
import { type Application, createContext, headerList, type Listening } from '@tsgi/core';

type Listen = (
  application: Application,
  options: ServeOptions & { context?: ReturnType<typeof createContext> },
) => Promise<Listening>;

/** Serves with `listen`; where readiness is to be seen, with a context of our own, as a server with workers does. */
async function serve(listen: Listen, application: Application, options: ServeOptions): Promise<Listening> {
  const { log, onReady } = options;
  if (onReady === undefined) return listen(application, options);
  const control = createContext({ log, onReady });
  await application.start?.(control.context);
  const listening = await listen(application, { ...options, context: control });
  const end = async (how: Promise<void>): Promise<void> => {
    await how;
    await control.settled();
    await application.stop?.();
  };
  return {
    address: listening.address,
    stats: () => listening.stats(),
    drain: (how) => end(listening.drain(how)),
    close: () => end(listening.close()),
  };
}

function opened(to: { readonly host: string; readonly port: number } | { readonly path: string }): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...to, noDelay: true, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}

const tcp: AdapterUnderTest = {
  name: 'tcp',
  async serve(application, options): Promise<ServerUnderTest> {
    const listening = await serve((app, more) => listenOnTcp(app, '127.0.0.1:0', more), application, options);
    const { host, port } = listening.address as { host: string; port: number };
    return {
      connect: () => opened({ host, port }),
      stats: () => listening.stats(),
      drain: (how) => listening.drain(how),
      close: () => listening.close(),
    };
  },
};

const unix: AdapterUnderTest = {
  name: 'unix',
  lacks: { reset: 'a Unix socket has no reset' },
  async serve(application, options): Promise<ServerUnderTest> {
    const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
    const path = join(folder, 'app.sock');
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    try {
      const listening = await serve((app, more) => listenOnUnix(app, `unix:${path}`, more), application, options);
      return {
        connect: () => opened({ path }),
        stats: () => listening.stats(),
        drain: (how) => listening.drain(how).finally(remove),
        close: () => listening.close().finally(remove),
      };
    } catch (error) {
      remove();
      throw error;
    }
  },
};

const NO_SOCKET = 'there is no socket';

const inject: AdapterUnderTest = {
  name: 'inject',
  lacks: {
    wire: NO_SOCKET,
    upgrade: NO_SOCKET,
    reset: NO_SOCKET,
    'field lines': 'light-my-request keeps the lines of a field together',
    'time limits': NO_SOCKET,
    'connection limit': NO_SOCKET,
    readiness: NO_SOCKET,
    drain: NO_SOCKET,
  },
  async serve(application, options): Promise<ServerUnderTest> {
    const injected = await injectInto(application, options);
    return {
      async request(message) {
        const reply = await injected.request(lightRequest(message));
        const { res } = reply.raw as unknown as { res: { _header: string } };
        return {
          status: reply.statusCode,
          headers: fieldsOf(res._header),
          body: reply.rawPayload,
          trailers: headerList(reply.trailers as Record<string, string>),
          interim: [],
        };
      },
      close: () => injected.close(),
    };
  },
};

function lightRequest({ method = 'GET', target = '/hello', headers = [], body }: Message): object {
  const fields: Record<string, string | string[]> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const present = fields[name] ?? [];
    fields[name] = [...(Array.isArray(present) ? present : [present]), headers[i + 1] as string];
  }
  for (const [name, values] of Object.entries(fields)) if (values.length === 1) fields[name] = values[0] as string;
  const payload =
    body === undefined || typeof body === 'string'
      ? body
      : body instanceof Uint8Array
        ? Buffer.from(body)
        : Readable.from(body, { objectMode: false });
  return { method, url: target, headers: fields, ...(payload === undefined ? {} : { payload }) };
}

/** The fields of a head as node:http wrote it, spelling and order kept. */
function fieldsOf(head: string): string[] {
  return head
    .split('\r\n')
    .slice(1)
    .filter((line) => line !== '')
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
}

export const adapters: readonly AdapterUnderTest[] = [tcp, unix, inject];

/** The adapter of that name. */
export function adapter(name: string): AdapterUnderTest {
  const found = adapters.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no adapter ${name}`);
  return found;
}
