// What the commands of tsgi share: the options that are made of the table of settings, and the application's argument.

import { type Command, Option } from 'commander';
import { flagOf, SETTING_NAMES } from '../settings/names.ts';
import { SETTING_GROUPS, SETTINGS, type SettingGroup, type SettingName } from '../settings/table.ts';
import { writeDefault } from '../settings/write-value.ts';

/** Adds one command to `program`. Its action calls `end` with the exit status, where that is not 0. */
export type AddCommand = (program: Command, end: (status: number) => void) => void;

/** Flags by the setting's name, as text. */
export type Flags = Partial<Record<SettingName, unknown>>;

/** The flags, with the application that was named before them. */
export function withApp(app: string | undefined, flags: Flags): Flags {
  return app === undefined ? flags : { ...flags, app };
}

/** Gives `command` the argument for the application and an option for every setting, in groups. */
export function withSettings(command: Command): Command {
  return addSettings(
    command.argument('[app]', SETTINGS.app.text),
    SETTING_NAMES.filter((name) => name !== 'app'),
  );
}

/** Gives `command` an option for each of `names`, in the groups and the order of the table. */
export function addSettings(command: Command, names: readonly SettingName[]): Command {
  for (const group of Object.keys(SETTING_GROUPS) as SettingGroup[]) {
    const members = SETTING_NAMES.filter((name) => SETTINGS[name].group === group && names.includes(name));
    if (members.length > 0) command.optionsGroup(`${SETTING_GROUPS[group]}:`);
    for (const name of members) command.addOption(optionOf(name));
  }
  return command;
}

/** The option of one setting. */
function optionOf(name: SettingName): Option {
  const setting = SETTINGS[name];
  const short = setting.short === undefined ? '' : `-${setting.short}, `;
  const value =
    setting.type.kind === 'switch' ? '' : ` <${setting.type.kind === 'list' ? setting.type.of : setting.type.kind}>`;
  const option = new Option(`${short}${flagOf(name)}${value}`, `${setting.text}${defaultOf(name)}`);
  // For its help and for shells; readValue checks it, wherever it comes from.
  if (setting.type.kind === 'choice') option.argChoices = [...setting.type.values];
  if (setting.type.kind === 'list') {
    option.argParser((given: string, before: string[] | undefined) => [...(before ?? []), ...given.split(',')]);
  }
  return option;
}

/** ` Default: 30s.`, where the setting has one that its text does not tell. */
function defaultOf(name: SettingName): string {
  const { type, text } = SETTINGS[name];
  const shown = writeDefault(name);
  return shown === '' || type.kind === 'switch' || text.includes('Default: ') ? '' : ` Default: ${shown}.`;
}
