// What development wants to be otherwise, where nobody says anything.

import type { Settings } from '../settings/table.ts';

/** Defaults that hold with `dev`, in place of those in the table. */
export const DEV_DEFAULTS: Partial<Settings> = {
  logFormat: 'pretty',
  accessLogfile: '-',
  accessLogFormat: '{method} {target} {status} {ms} ms',
  gracefulTimeout: 500,
};
