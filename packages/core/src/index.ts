// @tsgi/core: the gateway interface and what both of its sides share.

export * from './adapter.ts';
export * from './bind.ts';
export * from './body.ts';
export * from './compose.ts';
export * from './context.ts';
export * from './derive.ts';
export * from './errors.ts';
export * from './headers.ts';
export * from './interface.ts';
export * from './lint/index.ts';
export * from './mount.ts';
export * from './request-id.ts';
export * from './time-limit.ts';
