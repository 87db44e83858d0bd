// @tsgi/bridge-node: applications written for node:http, as gateway applications.

export { fromExpress } from './express.ts';
export { fromFastify } from './fastify.ts';
export { fromKoa } from './koa.ts';
export { fromNodeListener, type Listener, type NodeListenerOptions, type UpgradeListener } from './listener.ts';
