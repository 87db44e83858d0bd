// @tsgi/conformance: the suite that every adapter, bridge and kind of application passes, rule by rule.

export type { AdapterUnderTest, ServeOptions, ServerUnderTest, Transport } from './adapter.ts';
export type { Case, Row } from './case.ts';
export { cases } from './cases/index.ts';
export type { Head, Message, Reply } from './client/message.ts';
export type { Kind, Trait } from './kind.ts';
export { plain } from './plain.ts';
export { type Cell, cells, type Result, runCase, runColumn } from './run.ts';
export { breaking, events, long, pieces, type Source, steps } from './sources.ts';
export { conformance } from './tap.ts';
export { acceptKey, echoFrames } from './websocket.ts';
export type { Witness } from './witness.ts';
