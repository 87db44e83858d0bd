// Applications under path prefixes, as one application. `mountPath` grows and `target` shrinks, as SCRIPT_NAME and
// PATH_INFO do in CGI and WSGI, so that what is mounted needs to know nothing about it.

import { derive } from './derive.ts';
import { TsgiError } from './errors.ts';
import type { Application, Context, GatewayRequest, GatewayResponse, Outcome } from './interface.ts';

/** Applications by prefix: `/shop`, `/shop/admin`, and `/` for whatever no other prefix has. */
export type MountTable = Readonly<Record<string, Application>>;

/**
 * Mounts one application under a prefix, or several under theirs. The longest prefix that matches wins; it matches whole
 * segments of the path (`/shop` has `/shop`, `/shop/x` and `/shop?x`, not `/shopping`). Where none does: 404. `*`, the
 * target of OPTIONS for a whole server, goes to `/`.
 *
 * `start` starts all in the order of the table; when one throws, those before it are stopped and the error goes on.
 * `stop` stops all in reverse order; when some throw, the first error goes on and the others are logged. An application
 * under several prefixes is started and stopped once.
 *
 * Throws `TSGI_ERR_MOUNT` for a prefix that could never match, and for what is not an application.
 */
export function mount(prefix: string, application: Application): Application;
export function mount(table: MountTable): Application;
export function mount(table: string | MountTable, application?: Application): Application {
  return new Mount(typeof table === 'string' ? { [table]: application as Application } : table);
}

class Mount implements Application {
  /** Longest first. The root's prefix is `''` here: what it takes off in front of a target. */
  readonly #routes: ReadonlyArray<readonly [prefix: string, application: Application]>;
  readonly #applications: readonly Application[];
  #context: Context | undefined;

  constructor(table: MountTable) {
    const entries = Object.entries(table);
    for (const [prefix, application] of entries) {
      checkPrefix(prefix);
      checkApplication(prefix, application);
    }
    this.#applications = [...new Set(Object.values(table))];
    this.#routes = entries
      .map(([prefix, application]) => [prefix === '/' ? '' : prefix, application] as const)
      .sort(([a], [b]) => b.length - a.length);
  }

  handle(request: GatewayRequest, context: Context): Outcome | Promise<Outcome> {
    const { target } = request;
    for (const [prefix, application] of this.#routes) {
      if (prefix === '') return application.handle(request, context);
      if (!matches(target, prefix)) continue;
      const rest = target.slice(prefix.length);
      const changes = {
        mountPath: request.mountPath + prefix,
        target: rest.startsWith('/') ? rest : `/${rest}`,
      };
      return application.handle(derive(request, changes), context);
    }
    return notFound(request);
  }

  async start(context: Context): Promise<void> {
    this.#context = context;
    const started: Application[] = [];
    try {
      for (const application of this.#applications) {
        await application.start?.(context);
        started.push(application);
      }
    } catch (error) {
      for (const failure of await stopAll(started)) {
        context.log.error({ err: failure }, 'an application did not stop after another one had failed to start');
      }
      throw error;
    }
  }

  async stop(): Promise<void> {
    const failures = await stopAll(this.#applications);
    for (const other of failures.slice(1))
      this.#context?.log.error({ err: other }, 'a mounted application did not stop');
    if (failures.length > 0) throw failures[0];
  }
}

// The path is compared as it was sent. Decoding %2F or %2e, or resolving dot segments, would decide on another path than
// the one that a front server's access rules saw before and that the framework's router reads after; two readings of one
// path are how such rules are walked around. So /shop/%61dmin is not /shop/admin here: another spelling never reaches an
// application under the longer prefix, it goes to the shorter one or to none, and that one sees it as it was sent.
function matches(target: string, prefix: string): boolean {
  if (!target.startsWith(prefix)) return false;
  const next = target[prefix.length];
  return next === undefined || next === '/' || next === '?';
}

/** Stops in reverse order, all of them, and gives the failures. */
async function stopAll(applications: readonly Application[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const application of applications.toReversed()) {
    try {
      await application.stop?.();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

function notFound(request: GatewayRequest): GatewayResponse {
  const body = request.method === 'HEAD' ? null : 'Not Found\n';
  return { status: 404, headers: ['content-type', 'text/plain; charset=utf-8'], body };
}

function checkPrefix(prefix: string): void {
  const wrong = (problem: string, todo: string): TsgiError =>
    new TsgiError('TSGI_ERR_MOUNT', { prefix: JSON.stringify(prefix).slice(1, -1), problem, todo });

  if (prefix === '/') return;
  if (prefix === '') throw wrong('is empty', 'write / for the application that has what no other prefix has');
  if (!prefix.startsWith('/')) throw wrong('does not start with /', `write /${prefix}`);
  if (/[?#]/.test(prefix)) throw wrong('has a query or a fragment in it', 'write the path alone');
  if (prefix.includes('//') || prefix.endsWith('/')) {
    throw wrong('has an empty segment', `write ${`/${prefix.split('/').filter(Boolean).join('/')}`}`);
  }
  // Paths come in as they are on the wire, so nothing else could ever match.
  if (!/^[\x21-\x7e]+$/.test(prefix))
    throw wrong('has characters that a path on the wire cannot have', encoded(prefix));
  if (/\/\.\.?(\/|$)/.test(prefix)) throw wrong('has a dot segment', 'write the path without . and ..');
}

function encoded(prefix: string): string {
  return prefix.isWellFormed() ? `write ${encodeURI(prefix)}` : 'write it percent-encoded';
}

function checkApplication(prefix: string, application: Application | undefined): void {
  if (typeof application?.handle === 'function') return;
  const problem = 'has no application under it: an application is an object with handle(request, context)';
  throw new TsgiError('TSGI_ERR_MOUNT', {
    prefix,
    problem,
    todo: 'pass the application of a framework through its bridge first, such as fromFastify(app)',
  });
}
