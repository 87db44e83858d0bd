// @tsgi/core: the gateway interface and what both of its sides share.

export * from './adapter.ts';
export * from './bind.ts';
export * from './context.ts';
export * from './derive.ts';
export * from './errors.ts';
export * from './headers.ts';
export * from './interface.ts';
