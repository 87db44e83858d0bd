// @tsgi/app-movie-quotes: the application as a factory. Who serves it is not its business.

export * from './app.ts';
export * from './config/config.ts';
export type { Database } from './database/database.ts';
export { openDatabase } from './database/open.ts';
export * from './errors.ts';
export type { Host } from './host.ts';
