// @tsgi/adapter-node: serves a gateway application over TCP, and holds the translation that other adapters build on.

export { bindError } from './bind-error.ts';
export type { CreateEngine, Engine, EngineOptions, ListenTarget } from './engine.ts';
export { listen, type NodeListening } from './listen.ts';
export { createNodeHttpEngine } from './node-http/engine.ts';
export { type NodeListener, type NodeListenerOptions, toNodeListener } from './node-listener.ts';
export {
  DEFAULT_LIMITS,
  type Ended,
  type Limits,
  type ListenOptions,
  type Observe,
  type TranslateOptions,
} from './options.ts';
export { parseTrust, type Trust } from './trust.ts';
