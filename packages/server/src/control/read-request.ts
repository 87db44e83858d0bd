// A line of a client as a request, or what is wrong with it.

import { CONTROL_VERSION, type CommandName, ControlError, type ControlId, type ControlRequest } from './protocol.ts';

/** Says what an argument takes instead; null for a good one. */
type Check = (value: unknown) => string | null;

const count: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1024
    ? null
    : 'a whole number from 1 to 1024';
const flag: Check = (value) => (value === undefined || typeof value === 'boolean' ? null : 'true or false');

/** The arguments of each command. */
const COMMANDS: Readonly<Record<CommandName, Readonly<Record<string, Check>>>> = {
  status: {},
  reload: {},
  scale: { workers: count },
  stop: { fast: flag },
  reopen: {},
  kill: { worker: count },
};

/** What was read of a line: a request, or an error with the id that it had. `fatal` ends the connection. */
export type RequestReading =
  | { readonly request: ControlRequest }
  | { readonly id: ControlId | null; readonly error: ControlError; readonly fatal: boolean };

export function readRequest(line: string): RequestReading {
  const given = parse(line);
  const id = given === null ? null : idOf(given.id);
  if (given === null || id === null) {
    return {
      id,
      error: new ControlError(
        'bad_request',
        `a line is a JSON object such as {"v":${CONTROL_VERSION},"id":1,"command":"status"}`,
      ),
      fatal: true,
    };
  }
  if (given.v !== CONTROL_VERSION) {
    const error = new ControlError('unsupported_version', `known is version ${CONTROL_VERSION} of this protocol`);
    return { id, error, fatal: true };
  }
  const { command, arguments: args = {} } = given;
  if (typeof command !== 'string' || !Object.hasOwn(COMMANDS, command)) {
    const known = Object.keys(COMMANDS).join(', ');
    return { id, error: new ControlError('unknown_command', `known commands are ${known}`), fatal: false };
  }
  const problem = problemOf(COMMANDS[command as CommandName], args);
  if (problem !== null) {
    return { id, error: new ControlError('bad_arguments', `${command}: ${problem}`), fatal: false };
  }
  return { request: given as unknown as ControlRequest };
}

function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function idOf(id: unknown): ControlId | null {
  if (typeof id === 'string' && id.length <= 64) return id;
  return Number.isSafeInteger(id) ? (id as number) : null;
}

function problemOf(checks: Readonly<Record<string, Check>>, args: unknown): string | null {
  const names = Object.keys(checks);
  const known = names.length === 0 ? 'it takes no arguments' : `it takes ${names.join(', ')}`;
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return `arguments are an object; ${known}`;
  const other = Object.keys(args).some((name) => !Object.hasOwn(checks, name));
  if (other) return known;
  for (const [name, check] of Object.entries(checks)) {
    const takes = check((args as Record<string, unknown>)[name]);
    if (takes !== null) return `${name} takes ${takes}`;
  }
  return null;
}
