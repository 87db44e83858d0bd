// Every migration, oldest first. A list and not a folder to scan: what runs is what is imported.

import type { MigrationInterface } from 'typeorm';
import { CreateCatalogue1763700000000 } from './1763700000000-create-catalogue.ts';
import { NamePeople1764000000000 } from './1764000000000-name-people.ts';
import { CreateReactions1764000001000 } from './1764000001000-create-reactions.ts';
import { CreateAdministration1764000002000 } from './1764000002000-create-administration.ts';
import { SeedCatalogue1764000003000 } from './1764000003000-seed-catalogue.ts';

export const MIGRATIONS_TABLE = 'migrations';

export const MIGRATIONS: readonly (new () => MigrationInterface & { readonly name: string })[] = [
  CreateCatalogue1763700000000,
  NamePeople1764000000000,
  CreateReactions1764000001000,
  CreateAdministration1764000002000,
  SeedCatalogue1764000003000,
];
