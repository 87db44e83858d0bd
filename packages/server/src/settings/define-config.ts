// The configuration file, typed: what a settings table makes of it.

import type { Settings } from './table.ts';

/** A setting as a file may write it: text with its unit, or in the value's own type. A time is text, or a number of seconds. */
type Written<Value> = Value extends readonly string[]
  ? Value | string
  : Value extends number | 'auto' | null
    ? number | string
    : Exclude<Value, null>;

/** What `tsgi.config.ts` exports. */
export type Config = { readonly [Name in Exclude<keyof Settings, 'config'>]?: Written<Settings[Name]> };

/** Types a configuration file: `export default defineConfig({ app: './app.ts:app', workers: 'auto' })`. */
export function defineConfig(config: Config): Config {
  return config;
}
