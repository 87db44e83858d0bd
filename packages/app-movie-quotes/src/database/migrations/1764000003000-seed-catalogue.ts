// The bundled catalogue, in tables that have none yet. Once: a catalogue that is emptied later stays empty.

import type { MigrationInterface, QueryRunner } from 'typeorm';
import { importCatalogue } from '../catalogue.ts';

export class SeedCatalogue1764000003000 implements MigrationInterface {
  readonly name = 'SeedCatalogue1764000003000';

  async up(runner: QueryRunner): Promise<void> {
    const films = await runner.query('SELECT id FROM films LIMIT 1');
    if (films.length === 0) await importCatalogue(runner.manager);
  }

  /** What is in the tables is the owner's by now: it goes with the tables, and not before. */
  async down(): Promise<void> {}
}
