// tsgi request: one request to the application, without a server, and its answer on the standard output.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { OneOffRequest, Reply } from '../one-off/messages.ts';
import { OneOffFailure, runOnce } from '../one-off/one-off.ts';
import { enterFolder } from '../settings/folder.ts';
import { applicationOf, resolveSettings } from '../settings/resolve.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { SettingName } from '../settings/table.ts';
import { type AddCommand, addSettings, type Flags } from './command.ts';

/** The settings that say something about one request. */
const SETTINGS_OF_A_REQUEST: readonly SettingName[] = [
  ...(['app', 'chdir', 'config', 'mountPath', 'nodeArg', 'import', 'envFile', 'name'] as const),
  ...(['startTimeout', 'user', 'group', 'gracefulTimeout'] as const),
  ...(['requestTimeout', 'forwardedAllowIps', 'forwarded'] as const),
  ...(['limitRequestLine', 'limitRequestFields', 'limitRequestFieldsSize', 'limitBody'] as const),
  ...(['logLevel', 'logFormat'] as const),
];

interface RequestFlags extends Flags {
  readonly header?: readonly string[];
  readonly data?: string;
  readonly include?: boolean;
  readonly fail?: boolean;
}

const MORE = `
The application is the one of tsgi.config.ts or TSGI_APP; name another with --app. It is started, answers, and is
stopped, in a process of its own with a worker's settings. What it prints goes to the standard error output.

  tsgi request GET /quotes?page=2 --app ./app.ts:app
  tsgi request POST /quotes -H 'content-type: application/json' -d '{"film":"Casablanca"}' -i

Exit status: 0 with an answer, 1 without one (or, with --fail, for a status from 400 on), 2 for wrong arguments or
settings, 3 where the application does not start.`;

export const addRequest: AddCommand = (program, end) => {
  const command = program
    .command('request')
    .description('Send one request to the application, without a server.')
    .argument('<method>', 'GET, POST or any other.')
    .argument('<path>', 'The path, with its query.')
    .optionsGroup('Request:')
    .option('-H, --header <line>', "A header line, 'name: value'. Several: once each.", collect)
    .option('-d, --data <body>', 'The body; @file takes it from a file, @- or - from the standard input.')
    .option('-i, --include', 'Prints the status line and the headers too.')
    .option('--fail', 'Ends with exit status 1 where the status is 400 or more.')
    .addHelpText('after', MORE);
  addSettings(command, SETTINGS_OF_A_REQUEST).action(
    async (method: string, path: string, flags: RequestFlags, { parent }: Command) =>
      end(await request(method, path, flags, parent?.version() ?? '')),
  );
};

function collect(line: string, before: readonly string[] = []): readonly string[] {
  return [...before, line];
}

/** Sends it and prints the answer. Resolves to the exit status. */
async function request(
  method: string,
  path: string,
  { header = [], data, include, fail, ...flags }: RequestFlags,
  version: string,
): Promise<number> {
  // Before the folder changes: a body's file is named from where the command was written.
  const asked = readRequest(method, path, header, data, version);
  const resolved = await resolveSettings({ flags, env: process.env, cwd: process.cwd() });
  applicationOf(resolved);
  enterFolder(resolved.settings);
  try {
    const { reply } = await runOnce(resolved, asked);
    await print(reply as Reply, include === true);
    return fail && (reply as Reply).status >= 400 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof OneOffFailure)) throw error;
    process.stderr.write(`tsgi: ${error.message}\n${error.detail ? `${error.detail}\n` : ''}`);
    return error.exit;
  }
}

function readRequest(
  method: string,
  path: string,
  lines: readonly string[],
  data: string | undefined,
  version: string,
): OneOffRequest {
  // A method is a token (RFC 9110 section 9.1).
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(method))
    throw new SettingError(`the method "${method}" is none`, 'write GET, POST, ...');
  if (!path.startsWith('/')) throw new SettingError(`the path "${path}" does not begin with /`, `write /${path}`);
  const headers = lines.map(readHeader);
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const body = data === undefined ? null : readBody(data);
  const standard: [string, string][] = [
    ['host', 'localhost'],
    ['user-agent', `tsgi/${version}`],
    ['accept', '*/*'],
  ];
  // As curl has it for -d.
  if (body !== null) standard.push(['content-type', 'application/x-www-form-urlencoded']);
  return {
    method: /^[a-z]+$/.test(method) ? method.toUpperCase() : method,
    path,
    headers: [...standard.filter(([name]) => !given.has(name)), ...headers],
    body,
  };
}

function readHeader(line: string): [name: string, value: string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9a-z-]+):[ \t]*(.*?)[ \t]*$/i.exec(line) ?? [];
  if (name === undefined || value === undefined)
    throw new SettingError(`the header "${line}" cannot be read`, "write it as -H 'name: value'");
  return [name, value];
}

function readBody(data: string): Uint8Array {
  if (data !== '-' && !data.startsWith('@')) return Buffer.from(data);
  const file = data === '-' || data === '@-' ? 0 : data.slice(1);
  try {
    return readFileSync(file);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SettingError(`the body cannot be read: ${message}`, 'write -d @FILE, or -d TEXT', { cause });
  }
}

async function print({ status, reason, headers, body }: Reply, include: boolean): Promise<void> {
  const head = [`HTTP/1.1 ${status} ${reason}`, ...headers.map(([name, value]) => `${name}: ${value}`), '', ''];
  if (include) process.stdout.write(head.join('\r\n'));
  // Resolves when a pipe has taken all of it; one whose reader is gone wants no more.
  await new Promise<void>((resolve) => process.stdout.write(body, () => resolve()));
}
