// What a Compose file is made of besides the settings of the server.

import type { NginxOptions } from '../nginx/options.ts';

/** What Compose must know that no setting says. */
export interface ComposeOptions {
  /** The port of this machine on which Nginx is reached. */
  readonly publish: number;
  /** The shell command that is run once before the application starts, such as its migrations; null for none. */
  readonly migrate: string | null;
  /** The variables of the application, `PREFIX_URL` and `PREFIX_PASSWORD_FILE`, by which it finds a database; null for none. */
  readonly mariadb: string | null;
  readonly mongodb: string | null;
  /** Variables of the application that are secrets: it finds the path of a file in `VARIABLE_FILE`. */
  readonly secrets: readonly string[];
  /** Other variables of the application. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  /** Folders of the application that last. */
  readonly volumes: readonly (readonly [volume: string, path: string])[];
  readonly profiles: readonly Profile[];
  /** Other Compose files, by their paths from this one. */
  readonly includes: readonly string[];
  /** What its Nginx does besides. */
  readonly edge: NginxOptions;
}

/** Another way to run it: the application alone, or behind an Nginx that reaches it by a Unix socket. */
export type Profile = 'minimal' | 'unix';

export const PROFILES: readonly Profile[] = ['minimal', 'unix'];
