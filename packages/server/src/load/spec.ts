// What an operator writes to name an application: module:export, module:factory(), or a module alone.

import { LoadError } from './load-error.ts';

/** A parsed application setting. */
export interface AppSpec {
  readonly module: string;
  /** Null: the module's usual names are tried. */
  readonly export: string | null;
  /** Whether the export is called, and what it returns served. */
  readonly call: boolean;
}

const SPEC = /^(.+?)(?::([\p{ID_Start}$_][\p{ID_Continue}$]*)(\(\))?)?$/u;

/** Reads `./app.ts:app`, `./app.ts:createApp()`, `./app.ts` or `package:app`. */
export function parseSpec(text: string): AppSpec {
  const match = SPEC.exec(text);
  if (match === null || (match[1] as string).includes('(')) {
    throw new LoadError(
      `the application "${text}" cannot be read`,
      'write module:export, such as ./app.ts:app, or module:factory(), such as ./app.ts:createApp()',
      { exit: 2 },
    );
  }
  return { module: match[1] as string, export: match[2] ?? null, call: match[3] !== undefined };
}
