// One client of the load: one connection, kept alive as long as the server lets it, one request after the other. It never
// sends a request twice: one without its whole reply has failed, whatever may have become of it.

import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { crc32 } from 'node:zlib';
import type { Target } from '../servers.ts';
import { BODY_SIZE, bytesOf, CHECKSUM, PROCESS } from './application.ts';

/** Milliseconds after which a request has failed. */
const TIMEOUT = 10_000;

/** What became of one request. */
export type Outcome =
  | { readonly ok: true; readonly process: string; readonly milliseconds: number }
  | { readonly ok: false; readonly kind: string };

export class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #where: RequestOptions;

  constructor(target: Target) {
    this.#where = target.kind === 'tcp' ? { host: '127.0.0.1', port: target.port } : { socketPath: target.path };
  }

  /** Sends one request, a GET of 16 KiB or a POST of 16 KiB, and checks the reply. Never rejects. */
  send(method: 'GET' | 'POST', number: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const sent = method === 'POST' ? bytesOf(number) : undefined;
      const headers =
        sent === undefined
          ? {}
          : {
              'content-type': 'application/octet-stream',
              'content-length': sent.length,
              [CHECKSUM]: String(crc32(sent)),
            };
      const begun = performance.now();
      const req = request({ ...this.#where, agent: this.#agent, method, path: `/item/${number}`, headers });
      const timer = setTimeout(() => req.destroy(new Error(`no reply within ${TIMEOUT / 1000} s`)), TIMEOUT);
      let response: IncomingMessage | undefined;
      const settle = (outcome: Outcome): void => {
        clearTimeout(timer);
        resolve(outcome);
      };
      const fail = (error: NodeJS.ErrnoException): void => {
        const when = response === undefined ? 'before the reply' : 'within the reply';
        const on = req.reusedSocket ? 'a kept connection' : 'a new connection';
        settle({ ok: false, kind: `${method} ${error.code ?? error.message} ${when}, on ${on}` });
      };
      req.once('error', fail);
      req.once('response', (res: IncomingMessage) => {
        response = res;
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.once('error', fail);
        res.once('end', () => {
          const problem = judge(method, number, res, Buffer.concat(chunks));
          if (problem !== null) settle({ ok: false, kind: `${method} ${problem}` });
          else {
            const process = String(res.headers[PROCESS]);
            settle({ ok: true, process, milliseconds: performance.now() - begun });
          }
        });
      });
      req.end(sent);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** What is wrong with a complete reply; null for nothing. */
function judge(
  method: 'GET' | 'POST',
  number: number,
  { statusCode, headers }: IncomingMessage,
  body: Buffer,
): string | null {
  if (statusCode !== 200) return `answered with ${statusCode}`;
  if (headers[CHECKSUM] !== String(crc32(body))) return 'answered with a body that is not the one sent';
  const right = method === 'GET' ? body.equals(bytesOf(number)) : body.toString() === `{"received":${BODY_SIZE}}`;
  return right ? null : "answered with another request's body";
}
