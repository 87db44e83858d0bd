// Whether this process can answer requests now: the application's own readiness, its database and its load.

import { access } from 'node:fs/promises';
import type { DataSource } from 'typeorm';
import type { Readiness } from './schemas.ts';

export interface HealthService {
  readiness(): Promise<Readiness>;
}

/** `file` is the database's; `underPressure` tells whether requests are being refused for load. */
export function createHealthService(dataSource: DataSource, file: string, underPressure: () => boolean): HealthService {
  async function database(): Promise<string> {
    try {
      await dataSource.query('SELECT id FROM quotes LIMIT 1');
    } catch {
      return 'does not answer';
    }
    // A file that was removed goes on answering here, and is lost to every process that starts after this one.
    return access(file).then(
      () => 'ok',
      () => 'the file is gone',
    );
  }

  return {
    async readiness() {
      const checks = { database: await database(), pressure: underPressure() ? 'too much load' : 'ok' };
      const ready = Object.values(checks).every((check) => check === 'ok');
      return { status: ready ? 'ready' : 'unavailable', checks };
    },
  };
}
