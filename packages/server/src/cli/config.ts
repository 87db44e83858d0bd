// tsgi config: every setting as it is in effect, with where it comes from.

import { SETTING_NAMES } from '../settings/names.ts';
import { showDuration } from '../settings/read-value.ts';
import { type Resolved, resolveSettings } from '../settings/resolve.ts';
import { SETTINGS, type SettingName } from '../settings/table.ts';
import { type AddCommand, type Flags, withApp, withSettings } from './command.ts';

export const addConfig: AddCommand = (program) => {
  withSettings(program.command('config').description('Print every setting, and where it comes from.'))
    .option('--json', 'as JSON')
    .action(async (app: string | undefined, { json, ...flags }: Flags & { json?: boolean }) => {
      process.stdout.write(await showSettings(withApp(app, flags), json === true));
    });
};

/** The text of `tsgi config`: a line a setting, or JSON. */
async function showSettings(flags: Flags, json: boolean): Promise<string> {
  const { settings, origins } = await resolveSettings({ flags, env: process.env, cwd: process.cwd() });
  if (json) return `${JSON.stringify({ settings, origins }, null, 2)}\n`;
  const rows = SETTING_NAMES.map((name) => [name, show(name, settings), origins[name].where || 'default'] as const);
  const width = (column: 0 | 1) => Math.min(48, Math.max(...rows.map((row) => row[column].length)));
  const [first, second] = [width(0), width(1)];
  return rows.map(([name, value, where]) => `${name.padEnd(first)}  ${value.padEnd(second)}  ${where}\n`).join('');
}

function show(name: SettingName, settings: Resolved['settings']): string {
  const value = settings[name];
  const { type } = SETTINGS[name];
  if (value === null) return type.kind === 'path' && type.off ? 'off' : '-';
  if (type.kind === 'duration') return showDuration(value as number);
  if (type.kind === 'mode') return (value as number).toString(8);
  return Array.isArray(value) ? value.join(',') || '-' : String(value) || '-';
}
