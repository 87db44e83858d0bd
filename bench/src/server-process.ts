// A server in its own process: started on its core, checked once, asked for its counts, ended.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { PAYLOADS } from './payloads.ts';
import { pssOf } from './peers/process-tree.ts';
import { quotesEnvironment } from './quotes/environment.ts';
import type { Answer, Question, Sample } from './serve.ts';
import type { ServeOptions, ServerKind, Target } from './servers.ts';

export interface StartOptions extends ServeOptions {
  /** Command words in front of Node: a core to run on. */
  readonly prefix?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** Variables of the server's own. */
  readonly environment?: NodeJS.ProcessEnv;
}

export class ServerProcess {
  readonly kind: ServerKind;
  readonly target: Target;
  readonly #child: ChildProcess;

  private constructor(kind: ServerKind, target: Target, child: ChildProcess) {
    this.kind = kind;
    this.target = target;
    this.#child = child;
  }

  /** Resolves when it listens and has given the right answer once. */
  static async start(
    kind: ServerKind,
    { payload, folder, prefix = [], nodeArgs = [], environment = {} }: StartOptions,
  ): Promise<ServerProcess> {
    const words = [...prefix, process.execPath, '--conditions=@tsgi/source', ...nodeArgs];
    words.push(`${import.meta.dirname}/serve.ts`, kind, payload, folder);
    const child = spawn(words[0] as string, words.slice(1), {
      // What Movie Quotes logs is written, as it would be, and kept by nobody.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        NODE_ENV: 'production',
        ...quotesEnvironment(folder),
        ...environment,
      },
    });
    // A command that cannot be run, and a message to a process that is gone: either way it has exited.
    child.on('error', () => child.emit('exit', child.exitCode, child.signalCode));
    try {
      const answer = await next(child);
      if ('failed' in answer) throw new Error(`${kind} cannot be served: ${answer.failed}`);
      if (!('target' in answer)) throw new Error(`${kind} spoke out of turn`);
      const server = new ServerProcess(kind, answer.target, child);
      await check(server.target, kind, payload);
      return server;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async sample(): Promise<Sample> {
    return (await this.#ask('sample')) as Sample;
  }

  /** Bytes of the heap in use after forced collections. The process needs `--expose-gc`. */
  async heapUsed(): Promise<number> {
    return ((await this.#ask('heap')) as { heapUsed: number }).heapUsed;
  }

  /** Bytes of memory, what it shares with others divided among them (PSS); NaN where the system does not tell. */
  memory(): number {
    return pssOf([this.pid]);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #ask(question: Question): Promise<Answer> {
    const answer = next(this.#child);
    this.#child.send(question);
    return answer;
  }
}

/** The next message of `child`; rejects when it exits first. */
function next(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: unknown): void => {
      child.removeListener('exit', onExit);
      resolve(answer as Answer);
    };
    const onExit = (code: number | null, signal: string | null): void => {
      child.removeListener('message', onMessage);
      reject(new Error(`a server ended by itself (${signal ?? `exit status ${code}`})`));
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}

/** Asks once, so that no table compares error pages. */
async function check(target: Target, kind: ServerKind, payload: ServeOptions['payload']): Promise<void> {
  const { request: asked, accepts } = PAYLOADS[payload];
  const where = target.kind === 'tcp' ? { host: '127.0.0.1', port: target.port } : { socketPath: target.path };
  const headers = asked.body === undefined ? {} : { 'content-type': 'application/json' };
  const req = request({ ...where, method: asked.method, path: asked.path, headers, agent: false });
  req.end(asked.body);
  const [response] = await once(req, 'response');
  const body = await text(response);
  if (response.statusCode !== 200 || !accepts(body)) {
    throw new Error(`${kind} answers ${response.statusCode} to ${asked.method} ${asked.path}: ${body.slice(0, 200)}`);
  }
}
