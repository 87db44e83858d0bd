// @tsgi/adapter-inject: serves a gateway application without a socket, for tests, scripts and one-off requests.

export { type InjectOptions, type Injected, type InjectRequest, inject } from './inject.ts';
