// Whether this process can answer requests now: the application's own readiness, its database and its load.

import { access } from 'node:fs/promises';
import type { Database } from '../../database/database.ts';
import type { ReactionService } from '../reactions/service.ts';
import type { Readiness } from './schemas.ts';

export interface HealthService {
  readiness(): Promise<Readiness>;
}

/**
 * `underPressure` tells whether requests are being refused for load. That the reactions' store is away is told and does not
 * count: pages and likes go on without it.
 */
export function createHealthService(
  database: Database,
  underPressure: () => boolean,
  reactions: Pick<ReactionService, 'state'>,
): HealthService {
  async function check(): Promise<string> {
    // A file that was removed may go on answering here, and is lost to every process that starts after this one.
    if (database.kind === 'sqlite' && !(await isThere(database.place))) return 'the file is gone';
    return database.query('SELECT id FROM quotes LIMIT 1').then(
      () => 'ok',
      () => 'does not answer',
    );
  }

  return {
    async readiness() {
      const checks = { database: await check(), pressure: underPressure() ? 'too much load' : 'ok' };
      const ready = Object.values(checks).every((check) => check === 'ok');
      return {
        status: ready ? 'ready' : 'unavailable',
        checks: { ...checks, reactions: reactions.state === 'away' ? 'MongoDB is away, and they wait for it' : 'ok' },
      };
    },
  };
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
