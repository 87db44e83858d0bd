// tsgi: what a configuration file imports.

export { type Config, defineConfig } from './settings/define-config.ts';
