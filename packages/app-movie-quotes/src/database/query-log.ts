// What TypeORM tells of queries, as lines of our log with the request's id: slow ones, and nothing else. Failed ones are
// told by whoever handles their error. Values are left out: there are passwords and tokens among them.
//
// Who wants to see all of them subscribes to the diagnostics channel `movie-quotes.query`: `{ sql, values }`, before each
// one is run. Nobody listening, it costs a comparison.

import { channel } from 'node:diagnostics_channel';
import type { FastifyBaseLogger } from 'fastify';
import type { Logger } from 'typeorm';
import { requestLog } from '../middleware/request-scope.ts';

const queries = channel('movie-quotes.query');

export class QueryLog implements Logger {
  readonly #log: FastifyBaseLogger;

  constructor(log: FastifyBaseLogger) {
    this.#log = log;
  }

  logQuerySlow(ms: number, sql: string): void {
    requestLog(this.#log).warn({ ms, sql: sql.replace(/\s+/g, ' ').slice(0, 500) }, `a query took ${ms} ms`);
  }

  logQuery(sql: string, values: unknown[] = []): void {
    if (queries.hasSubscribers) queries.publish({ sql, values });
  }

  logQueryError(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}

  log(level: 'log' | 'info' | 'warn', message: unknown): void {
    if (level === 'warn') this.#log.warn({}, String(message));
  }
}
