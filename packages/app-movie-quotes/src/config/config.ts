// The configuration: one declared table of environment variables, read from the environment and `.env`, and the typed
// object that the rest of the application sees. Nothing else reads the environment.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';
import { StartError } from '../errors.ts';

/** A variable that is a secret may also be given as a file's path in NAME_FILE, as Docker and systemd pass secrets. */
const SECRETS = ['DATABASE_URL', 'DATABASE_PASSWORD', 'MONGODB_URL', 'MONGODB_PASSWORD', 'SESSION_SECRET', 'API_TOKEN'];

const secret = (description: string, pattern?: string) =>
  Type.Optional(Type.String({ description, ...(pattern === undefined ? {} : { pattern }) }));

/** The variables. A description says what a variable takes, in the words that its error uses. */
export const Environment = Type.Object({
  DATABASE_FILE: Type.Optional(Type.String({ description: 'the path of an SQLite file' })),
  DATABASE_URL: secret(
    'sqlite:PATH, or mariadb://USER[:PASSWORD]@HOST[:PORT]/DATABASE',
    '^(sqlite:.|(mariadb|mysql)://[^/@]+@[^/@]+/[^/]+$)',
  ),
  DATABASE_PASSWORD: secret('the password for MariaDB, where it is not in DATABASE_URL'),
  DATABASE_TIMEOUT: Type.Integer({
    default: 5000,
    minimum: 0,
    maximum: 60_000,
    description: 'the milliseconds to wait for a lock on the database or for its answer, 0 to 60000',
  }),
  DATABASE_WAIT: Type.Integer({
    default: 60,
    minimum: 0,
    maximum: 3600,
    description: 'the seconds to wait at the start for a database that is away, 0 to 3600',
  }),
  DATABASE_POOL: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: 1000,
    description: 'the connections to MariaDB of each worker, 1 to 1000',
  }),
  SLOW_QUERY: Type.Integer({
    default: 250,
    minimum: 0,
    maximum: 60_000,
    description: 'the milliseconds from which on a query is logged as slow, 0 (never) to 60000',
  }),
  MONGODB_URL: secret('mongodb://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE', '^mongodb(\\+srv)?://.'),
  MONGODB_PASSWORD: secret('the password for MongoDB, where it is not in MONGODB_URL'),
  SESSION_SECRET: secret('at least 32 characters that nobody can guess', '^.{32,}$'),
  API_TOKEN: secret('at least 16 characters that nobody can guess', '^[!-~]{16,}$'),
  PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^/?#]+(/[^?#]*)?$',
      description: 'the address that visitors use, as in https://quotes.example.org',
    }),
  ),
  LOG_FILE: Type.Optional(Type.String({ description: 'the path of a file that lines are appended to' })),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'fatal, error, warn, info, debug, trace or silent',
  }),
  LOG_REQUESTS: Type.Boolean({ default: true, description: 'true or false' }),
  LIMIT_READS: Type.Integer({
    default: 600,
    minimum: 0,
    maximum: 1_000_000,
    description: 'the reads that a client may make of the API in a minute, 0 (any number) to 1000000',
  }),
  LIMIT_WRITES: Type.Integer({
    default: 60,
    minimum: 0,
    maximum: 1_000_000,
    description: 'the changes and likes that a client may make in a minute, 0 (any number) to 1000000',
  }),
  CARD_THREADS: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description: 'the threads of each worker that draw cards, 1 to 64',
  }),
  CARD_QUEUE: Type.Integer({
    default: 16,
    minimum: 0,
    maximum: 10_000,
    description: 'the cards of each worker that may wait for a thread, 0 to 10000',
  }),
  CARD_CACHE: Type.String({
    default: 'data/cards',
    description: 'the path of a folder for cards that have been drawn',
  }),
  CARD_CACHE_MB: Type.Integer({
    default: 256,
    minimum: 0,
    maximum: 1_048_576,
    description: 'the megabytes of cards to keep, 0 (none) to 1048576',
  }),
  HEAVY_ROUTE: Type.Boolean({ default: false, description: 'true or false' }),
  MAX_EVENT_LOOP_DELAY: Type.Integer({
    default: 1000,
    minimum: 0,
    maximum: 60_000,
    description: 'the milliseconds of event-loop delay above which requests are refused, 0 (never) to 60000',
  }),
  MAX_EVENT_LOOP_UTILIZATION: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 100,
    description: 'the percentage of event-loop utilisation above which requests are refused, 0 (never) to 100',
  }),
  MAX_HEAP_MB: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 65_536,
    description: 'the megabytes of JavaScript heap above which requests are refused, 0 (never) to 65536',
  }),
});

/** Where the catalogue is. */
export type DatabaseConfig = SqliteConfig | MariadbConfig;

interface AnyDatabaseConfig {
  /** Milliseconds to wait for a lock of somebody else, or for an answer. */
  readonly timeout: number;
  /** Milliseconds from which on a query is logged as slow; 0 for never. */
  readonly slow: number;
}

export interface SqliteConfig extends AnyDatabaseConfig {
  readonly kind: 'sqlite';
  /** Absolute path of the SQLite file. It is created where it is missing; its folder is not. */
  readonly file: string;
  /** Whether a missing folder is made. Only so for the default path: a path that somebody chose may be mistyped. */
  readonly createFolder: boolean;
}

export interface MariadbConfig extends AnyDatabaseConfig {
  readonly kind: 'mariadb';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Connections of this process. */
  readonly pool: number;
  /** Seconds to wait at the start for a server that is away. */
  readonly wait: number;
}

/** Where the reactions are; null where the catalogue's database has them too. */
export interface MongodbConfig {
  readonly url: string;
  /** Milliseconds to wait for an answer. */
  readonly timeout: number;
}

/** When to refuse requests with 503, so that those taken are answered in time. 0 turns a limit off. */
export interface PressureConfig {
  /** Milliseconds, mean over a second. */
  readonly eventLoopDelay: number;
  /** Share of a second in which the event loop was busy, 0 to 1. */
  readonly eventLoopUtilization: number;
  /** Bytes. */
  readonly heap: number;
}

/** What a client may ask for in a minute. 0 turns a limit off. */
export interface LimitConfig {
  readonly reads: number;
  readonly writes: number;
}

/** How cards are drawn and kept. */
export interface CardsConfig {
  /** How many are drawn at once by this process. */
  readonly threads: number;
  /** How many may wait for that. */
  readonly queue: number;
  /** Absolute path. It is made where it is missing. */
  readonly folder: string;
  /** Of all cards in the folder; 0 for none. */
  readonly maxBytes: number;
}

export interface LogConfig {
  readonly level: Static<typeof Environment>['LOG_LEVEL'];
  /** Whether there is a line for each answered request. */
  readonly requests: boolean;
  /** Absolute path; null for the standard output. */
  readonly file: string | null;
}

/** The whole configuration. */
export interface Config {
  readonly database: DatabaseConfig;
  readonly mongodb: MongodbConfig | null;
  readonly log: LogConfig;
  readonly pressure: PressureConfig;
  readonly limits: LimitConfig;
  readonly cards: CardsConfig;
  /** Whether there is a route that only makes work, for demonstrations. */
  readonly heavyRoute: boolean;
  /** Without a `/` at its end; null where it is taken from the request. */
  readonly publicUrl: string | null;
  /** Encrypts session cookies; null where administration is off. */
  readonly sessionSecret: string | null;
  /** What a program shows to change the catalogue; null where none may. */
  readonly apiToken: string | null;
}

const DEFAULT_FILE = 'data/movie-quotes.sqlite';

/**
 * Reads the configuration from `environment`, then from `.env` in `folder`, then from the defaults. A secret is also read
 * from the file that `NAME_FILE` names. An empty variable counts as one that is not set, as Compose passes it for
 * `${NAME:-}`. Throws `MQ_ERR_CONFIG`, which names every variable that is wrong and what it takes.
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env, folder: string = process.cwd()): Config {
  const values = readVariables(environment, folder);
  const { DATABASE_FILE, DATABASE_URL } = values;
  if (DATABASE_FILE !== undefined && DATABASE_URL !== undefined) {
    throw wrong('DATABASE_FILE and DATABASE_URL are both set, and one is enough');
  }
  return {
    database:
      DATABASE_URL === undefined || DATABASE_URL.startsWith('sqlite:')
        ? sqlite(values, folder, DATABASE_FILE ?? DATABASE_URL?.slice('sqlite:'.length))
        : mariadb(values, DATABASE_URL),
    mongodb: mongodb(values),
    log: {
      level: values.LOG_LEVEL,
      requests: values.LOG_REQUESTS,
      file: values.LOG_FILE === undefined ? null : resolve(folder, values.LOG_FILE),
    },
    pressure: {
      eventLoopDelay: values.MAX_EVENT_LOOP_DELAY,
      eventLoopUtilization: values.MAX_EVENT_LOOP_UTILIZATION / 100,
      heap: values.MAX_HEAP_MB * 1024 * 1024,
    },
    limits: { reads: values.LIMIT_READS, writes: values.LIMIT_WRITES },
    cards: {
      threads: values.CARD_THREADS,
      queue: values.CARD_QUEUE,
      folder: resolve(folder, values.CARD_CACHE),
      maxBytes: values.CARD_CACHE_MB * 1024 * 1024,
    },
    heavyRoute: values.HEAVY_ROUTE,
    publicUrl: values.PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    sessionSecret: values.SESSION_SECRET ?? null,
    apiToken: values.API_TOKEN ?? null,
  };
}

type Values = Static<typeof Environment>;

function readVariables(environment: NodeJS.ProcessEnv, folder: string): Values {
  const file = resolve(folder, '.env');
  const given = { ...readDotenv(file), ...withoutEmpty(environment) };
  for (const name of SECRETS) {
    const path = given[`${name}_FILE`];
    if (path === undefined) continue;
    if (given[name] !== undefined) throw wrong(`${name} and ${name}_FILE are both set, and one is enough`);
    try {
      given[name] = readFileSync(resolve(folder, path), 'utf8').replace(/\r?\n$/, '');
    } catch (cause) {
      throw wrong(`${name}_FILE names ${path}, which cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
    }
  }
  try {
    return envSchema<Values>({ schema: Environment, data: given, env: false, dotenv: false });
  } catch (cause) {
    throw wrong(describe((cause as { errors: { instancePath: string }[] }).errors), cause);
  }
}

function readDotenv(file: string): Record<string, string> {
  try {
    return withoutEmpty(parseEnv(readFileSync(file, 'utf8')));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw wrong(`${file} cannot be read (${message})`, cause);
  }
}

function withoutEmpty(variables: NodeJS.Dict<string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
}

function sqlite(values: Values, folder: string, file: string | undefined): SqliteConfig {
  return {
    kind: 'sqlite',
    file: resolve(folder, file ?? DEFAULT_FILE),
    createFolder: file === undefined,
    timeout: values.DATABASE_TIMEOUT,
    slow: values.SLOW_QUERY,
  };
}

function mariadb(values: Values, text: string): MariadbConfig {
  const url = parseUrl('DATABASE_URL', text);
  return {
    kind: 'mariadb',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: values.DATABASE_PASSWORD ?? decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    pool: values.DATABASE_POOL,
    timeout: values.DATABASE_TIMEOUT,
    slow: values.SLOW_QUERY,
    wait: values.DATABASE_WAIT,
  };
}

function mongodb(values: Values): MongodbConfig | null {
  if (values.MONGODB_URL === undefined) return null;
  const url = parseUrl('MONGODB_URL', values.MONGODB_URL);
  if (values.MONGODB_PASSWORD !== undefined) url.password = encodeURIComponent(values.MONGODB_PASSWORD);
  return { url: url.href, timeout: values.DATABASE_TIMEOUT };
}

function parseUrl(name: 'DATABASE_URL' | 'MONGODB_URL', text: string): URL {
  try {
    const url = new URL(text);
    decodeURIComponent(url.username + url.password + url.pathname);
    return url;
  } catch {
    // Without its text, which the cause has as well: there may be a password in it.
    throw wrong(`${name} takes ${descriptionOf(name)}`);
  }
}

function wrong(problem: string, cause?: unknown): StartError {
  return new StartError('MQ_ERR_CONFIG', { problem }, { cause });
}

/** What is wrong: one part per variable. */
function describe(errors: readonly { instancePath: string }[]): string {
  const names = new Set(errors.map(({ instancePath }) => instancePath.slice(1)));
  return [...names].map((name) => `${name} takes ${descriptionOf(name)}`).join('; ');
}

function descriptionOf(name: string): string | undefined {
  return (Environment.properties as Readonly<Record<string, { description?: string }>>)[name]?.description;
}
