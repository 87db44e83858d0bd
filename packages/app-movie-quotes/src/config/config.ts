// The configuration: one declared table of environment variables, read from the environment and `.env`, and the typed
// object that the rest of the application sees. Nothing else reads the environment.

import { resolve } from 'node:path';
import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';
import { StartError } from '../errors.ts';

/** The variables. A description says what a variable takes, in the words that its error uses. */
export const Environment = Type.Object({
  DATABASE_FILE: Type.Optional(Type.String({ description: 'the path of an SQLite file' })),
  DATABASE_URL: Type.Optional(
    Type.String({ pattern: '^sqlite:.', description: 'sqlite:PATH, as in sqlite:/srv/movie-quotes.sqlite' }),
  ),
  DATABASE_TIMEOUT: Type.Integer({
    default: 5000,
    minimum: 0,
    maximum: 60_000,
    description: 'the milliseconds to wait for a lock on the database, 0 to 60000',
  }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'fatal, error, warn, info, debug, trace or silent',
  }),
  LOG_REQUESTS: Type.Boolean({ default: true, description: 'true or false' }),
  MAX_EVENT_LOOP_DELAY: Type.Integer({
    default: 1000,
    minimum: 0,
    maximum: 60_000,
    description: 'the milliseconds of event-loop delay above which requests are refused, 0 (never) to 60000',
  }),
  MAX_HEAP_MB: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 65_536,
    description: 'the megabytes of JavaScript heap above which requests are refused, 0 (never) to 65536',
  }),
});

/** Where the database is. */
export interface DatabaseConfig {
  /** Absolute path of the SQLite file. It is created where it is missing; its folder is not. */
  readonly file: string;
  /** Whether a missing folder is made. Only so for the default path: a path that somebody chose may be mistyped. */
  readonly createFolder: boolean;
  /** Milliseconds to wait for another process's lock. */
  readonly timeout: number;
}

/** When to refuse requests with 503, so that those taken are answered in time. 0 turns a limit off. */
export interface PressureConfig {
  /** Milliseconds, mean over a second. */
  readonly eventLoopDelay: number;
  /** Bytes. */
  readonly heap: number;
}

/** The whole configuration. */
export interface Config {
  readonly database: DatabaseConfig;
  readonly log: { readonly level: Static<typeof Environment>['LOG_LEVEL']; readonly requests: boolean };
  readonly pressure: PressureConfig;
}

const DEFAULT_FILE = 'data/movie-quotes.sqlite';

/**
 * Reads the configuration from `environment`, then from `.env` in `folder`, then from the defaults.
 * An empty variable counts as one that is not set, as Compose passes it for `${NAME:-}`.
 * Throws `MQ_ERR_CONFIG`, which names every variable that is wrong and what it takes.
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env, folder: string = process.cwd()): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  let values: Static<typeof Environment>;
  try {
    values = envSchema<Static<typeof Environment>>({
      schema: Environment,
      data: given,
      env: false,
      dotenv: { path: resolve(folder, '.env') },
    });
  } catch (error) {
    throw new StartError('MQ_ERR_CONFIG', { problem: describe(error, folder) }, { cause: error });
  }
  if (values.DATABASE_FILE !== undefined && values.DATABASE_URL !== undefined) {
    throw new StartError('MQ_ERR_CONFIG', {
      problem: 'DATABASE_FILE and DATABASE_URL are both set, and one is enough',
    });
  }
  const file = values.DATABASE_FILE ?? values.DATABASE_URL?.slice('sqlite:'.length);
  return {
    database: {
      file: resolve(folder, file ?? DEFAULT_FILE),
      createFolder: file === undefined,
      timeout: values.DATABASE_TIMEOUT,
    },
    log: { level: values.LOG_LEVEL, requests: values.LOG_REQUESTS },
    pressure: { eventLoopDelay: values.MAX_EVENT_LOOP_DELAY, heap: values.MAX_HEAP_MB * 1024 * 1024 },
  };
}

/** What is wrong: one part per variable, or the reason why `.env` cannot be read. */
function describe(error: unknown, folder: string): string {
  const { errors, message } = error as { errors?: { instancePath: string }[]; message: string };
  if (errors === undefined) return `${resolve(folder, '.env')} cannot be read (${message})`;
  const table = Environment.properties as Readonly<Record<string, { description?: string }>>;
  const names = new Set(errors.map(({ instancePath }) => instancePath.slice(1)));
  return [...names].map((name) => `${name} takes ${table[name]?.description}`).join('; ');
}
