// The configuration file, typed: what a settings table makes of it.

import type { ReloadResult, StatusReport } from '../arbiter/status.ts';
import type { Settings } from './table.ts';

/** A setting as a file may write it: text with its unit, or in the value's own type. A time is text, or a number of seconds. */
type Written<Value> = Value extends readonly string[]
  ? Value | string
  : Value extends number | 'auto' | null
    ? number | string
    : Exclude<Value, null>;

/** A worker, as hooks are told of it. */
export interface HookWorker {
  readonly worker: number;
  readonly pid: number;
  readonly generation: number;
}

/** Functions of the configuration file that the arbiter calls. None is called for a request: that is the application's. */
export interface Hooks {
  /** The first generation serves. */
  readonly onReady?: (status: StatusReport) => unknown;
  /** A reload has ended, well or not. */
  readonly onReload?: (result: ReloadResult) => unknown;
  readonly onWorkerStart?: (worker: HookWorker) => unknown;
  /** `reason` says why it has left or died. */
  readonly onWorkerExit?: (worker: HookWorker & { readonly reason: string }) => unknown;
}

/** The names of {@link Hooks}. */
export const HOOK_NAMES: readonly (keyof Hooks)[] = ['onReady', 'onReload', 'onWorkerStart', 'onWorkerExit'];

/** What `tsgi.config.ts` exports. */
export type Config = Hooks & { readonly [Name in Exclude<keyof Settings, 'config'>]?: Written<Settings[Name]> };

/** Types a configuration file: `export default defineConfig({ app: './app.ts:app', workers: 'auto' })`. */
export function defineConfig(config: Config): Config {
  return config;
}
