// @tsgi/bridge-fetch: fetch-style applications behind the gateway interface, and gateway applications behind fetch.

export {
  type FetchApplication,
  type FetchEnv,
  type FetchExecution,
  type FetchFunction,
  type FromFetchOptions,
  fromFetch,
} from './from-fetch/application.ts';
export { type FetchHandler, type ToFetchOptions, toFetch } from './to-fetch/handler.ts';
