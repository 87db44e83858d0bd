// @tsgi/adapter-inject: serves a gateway application without a socket, for tests, scripts and one-off requests.

export { type Injected, type InjectOptions, type InjectRequest, inject } from './inject.ts';
