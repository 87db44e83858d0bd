// tsgi: what a configuration file imports.

export type { ReloadResult, StatusReport, WorkerReport } from './arbiter/status.ts';
export { type Config, defineConfig, type Hooks, type HookWorker } from './settings/define-config.ts';
