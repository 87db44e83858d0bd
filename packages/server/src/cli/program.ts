// The commands of tsgi and their options, derived from the table of settings.

import { Command, CommanderError, Option } from 'commander';
import { flagOf, SETTING_NAMES } from '../settings/names.ts';
import { SettingError } from '../settings/setting-error.ts';
import { SETTING_GROUPS, SETTINGS, type SettingGroup, type SettingName } from '../settings/table.ts';
import { showSettings } from './config.ts';
import { serve } from './serve.ts';

/** Runs one command line. Resolves to the exit status: 0 well, 1 unexpected, 2 wrong settings or binds, 3 no application. */
export async function main(argv: readonly string[]): Promise<number> {
  let status = 0;
  const program = new Command('tsgi')
    .description('Serves a gateway, Fastify, Express, Koa or fetch application.')
    .version('0.1.0')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  withSettings(
    program.command('serve').argument('[app]', SETTINGS.app.text).description('Serve an application.'),
  ).action(async (app: string | undefined, flags: Flags) => {
    status = await serve(withApp(app, flags));
  });
  withSettings(
    program
      .command('config')
      .argument('[app]', SETTINGS.app.text)
      .description('Print every setting, and where it comes from.'),
  )
    .option('--json', 'as JSON')
    .action(async (app: string | undefined, { json, ...flags }: Flags & { json?: boolean }) => {
      process.stdout.write(await showSettings(withApp(app, flags), json === true));
    });
  try {
    await program.parseAsync(argv);
    return status;
  } catch (error) {
    return explain(error);
  }
}

/** Flags by the setting's name, as text. */
export type Flags = Partial<Record<SettingName, unknown>>;

function withApp(app: string | undefined, flags: Flags): Flags {
  return app === undefined ? flags : { ...flags, app };
}

function withSettings(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => {} });
  for (const group of Object.keys(SETTING_GROUPS) as SettingGroup[]) {
    command.optionsGroup(`${SETTING_GROUPS[group]}:`);
    for (const name of SETTING_NAMES) {
      if (SETTINGS[name].group === group && name !== 'app') command.addOption(optionOf(name));
    }
  }
  return command;
}

function optionOf(name: SettingName): Option {
  const setting = SETTINGS[name];
  const short = setting.short === undefined ? '' : `-${setting.short}, `;
  const value =
    setting.type.kind === 'switch' ? '' : ` <${setting.type.kind === 'list' ? setting.type.of : setting.type.kind}>`;
  const option = new Option(`${short}${flagOf(name)}${value}`, setting.text);
  if (setting.type.kind === 'list') {
    option.argParser((given: string, before: string[] | undefined) => [...(before ?? []), ...given.split(',')]);
  }
  return option;
}

/** One line for the operator, and the exit status. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) {
    // --help and --version end a command line as well.
    if (error.exitCode === 0) return 0;
    process.stderr.write(`tsgi: ${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}; see tsgi --help\n`);
    return 2;
  }
  const { message, todo, exit } = error as Error & { todo?: string; exit?: number };
  if (todo === undefined) {
    process.stderr.write(`tsgi: ${(error as Error).stack ?? message}\n`);
    return 1;
  }
  process.stderr.write(`tsgi: ${message}; ${todo}\n`);
  return error instanceof SettingError ? 2 : exit || 1;
}
