// What a server and a client say to each other over the control socket: one JSON object a line, each way. The version
// stands in every line; it changes when a field changes its meaning or goes, not when one is added.

import type { StatusReport } from '../arbiter/status.ts';

/** The version that is spoken here. */
export const CONTROL_VERSION = 1;

/** What a client's line may be. An `id` is the client's own and stands in every line that answers it. */
export interface ControlRequest<Name extends CommandName = CommandName> {
  readonly v: typeof CONTROL_VERSION;
  readonly id: ControlId;
  readonly command: Name;
  readonly arguments?: Arguments<Name>;
}

/** A whole number, or text of at most 64 characters. */
export type ControlId = number | string;

/** A command: what it takes and what it gives. */
export interface Commands {
  readonly status: { readonly arguments: object; readonly result: ControlStatus };
  /** Answers when the new generation serves, or has come to nothing. Progress on the way. */
  readonly reload: { readonly arguments: object; readonly result: ReloadDone };
  /** Answers when all of the workers accept. Progress on the way. */
  readonly scale: { readonly arguments: { readonly workers: number }; readonly result: ScaleDone };
  /** Answers when all workers are gone. Progress on the way; the connection ends with the process. */
  readonly stop: { readonly arguments: { readonly fast?: boolean }; readonly result: object };
  /** Opens the log files again. */
  readonly reopen: { readonly arguments: object; readonly result: object };
  /** Kills a worker; it is replaced. */
  readonly kill: { readonly arguments: { readonly worker: number }; readonly result: { readonly pid: number } };
}

export type CommandName = keyof Commands;
export type Arguments<Name extends CommandName> = Commands[Name]['arguments'];
export type Result<Name extends CommandName> = Commands[Name]['result'];

/** The state of the server, and how its last reload ended: null before the first one. */
export interface ControlStatus extends StatusReport {
  readonly lastReload: LastReload | null;
}

export interface LastReload {
  readonly ok: boolean;
  readonly generation: number;
  /** Why it failed; `''` where it did not. */
  readonly reason: string;
  /** When it ended, as ISO 8601. */
  readonly at: string;
}

export interface ReloadDone {
  /** The one that serves now. */
  readonly generation: number;
  /** How many of its workers accept. */
  readonly accepting: number;
  /** How many of the earlier ones still finish their requests. */
  readonly draining: number;
}

export interface ScaleDone {
  readonly accepting: number;
  readonly draining: number;
}

/** What a server's line may be: `progress` any number of times, then one of the other two. */
export type ControlReply =
  | { readonly v: number; readonly id: ControlId; readonly progress: Progress }
  | { readonly v: number; readonly id: ControlId; readonly ok: true; readonly result: unknown }
  /** `id` is null where the line that it answers had none that could be read. */
  | { readonly v: number; readonly id: ControlId | null; readonly ok: false; readonly error: ControlErrorBody };

export interface ControlErrorBody {
  readonly code: ControlErrorCode;
  readonly message: string;
}

export type ControlErrorCode =
  /** Not a JSON object, or without a usable id; the connection is closed. */
  | 'bad_request'
  /** A line above {@link LONGEST_LINE}, or one that never ended; the connection is closed. */
  | 'too_long'
  | 'idle'
  | 'too_many_connections'
  /** The message names the versions that are known; the connection is closed. */
  | 'unsupported_version'
  /** The message names the commands that are known. */
  | 'unknown_command'
  | 'bad_arguments'
  /** The server is on its way out. */
  | 'stopping'
  | 'reload_failed'
  /** Fewer workers accept than asked for. */
  | 'scale_incomplete'
  | 'no_such_worker'
  | 'internal';

/** One step on the way of a long command. */
export type Progress = WorkerStep | { readonly step: 'waits'; readonly reason: string };

/** A step in the life of a worker, whichever command led to it. */
export interface WorkerStep {
  readonly step: 'starts' | 'started' | 'accepting' | 'draining' | 'gone' | 'failed';
  readonly worker: number;
  readonly generation: number;
  readonly pid: number;
  /** Requests in flight. */
  readonly inFlight: number;
  /** Why it drains, is gone or has failed; `''` for the others. */
  readonly reason: string;
  /** The worker's own error with its stack, where it failed and said so; else `''`. */
  readonly detail: string;
}

/** The longest line that a client may send, in bytes. */
export const LONGEST_LINE = 65_536;

/** An error that is answered by a line. */
export class ControlError extends Error {
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
