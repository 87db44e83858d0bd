// One client of the load: one connection, kept alive as long as the server lets it, one request after the other. It never
// sends a request twice: one without its whole reply has failed, whatever may have become of it.

import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Target } from '../servers.ts';
import { PROCESS } from './application.ts';
import type { Question } from './question.ts';

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

  /** Sends one request and checks the reply. Never rejects. */
  send({ method, path, headers, body: sent, judge }: Question): Promise<Outcome> {
    return new Promise((resolve) => {
      const length = sent === undefined ? {} : { 'content-length': sent.length };
      const begun = performance.now();
      const req = request({ ...this.#where, agent: this.#agent, method, path, headers: { ...headers, ...length } });
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
          const problem =
            res.statusCode === 200 ? judge(res.headers, Buffer.concat(chunks)) : `answered with ${res.statusCode}`;
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
