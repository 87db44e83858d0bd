// Every migration, oldest first. A list and not a folder to scan: what runs is what is imported.

import type { MigrationInterface } from 'typeorm';
import { CreateCatalogue1763700000000 } from './1763700000000-create-catalogue.ts';

export const MIGRATIONS: readonly (new () => MigrationInterface)[] = [CreateCatalogue1763700000000];
