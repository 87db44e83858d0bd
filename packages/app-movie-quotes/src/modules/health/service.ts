// Whether this process can answer requests now: the application's own readiness, its database and its load.

import { access } from 'node:fs/promises';
import type { Database } from '../../database/database.ts';
import type { Readiness } from './schemas.ts';

export interface HealthService {
  readiness(): Promise<Readiness>;
}

/** `underPressure` tells whether requests are being refused for load. */
export function createHealthService(database: Database, underPressure: () => boolean): HealthService {
  async function check(): Promise<string> {
    try {
      await database.query('SELECT id FROM quotes LIMIT 1');
    } catch {
      return 'does not answer';
    }
    if (database.kind !== 'sqlite') return 'ok';
    // A file that was removed goes on answering here, and is lost to every process that starts after this one.
    return access(database.place).then(
      () => 'ok',
      () => 'the file is gone',
    );
  }

  return {
    async readiness() {
      const checks = { database: await check(), pressure: underPressure() ? 'too much load' : 'ok' };
      const ready = Object.values(checks).every((check) => check === 'ok');
      return { status: ready ? 'ready' : 'unavailable', checks };
    },
  };
}
