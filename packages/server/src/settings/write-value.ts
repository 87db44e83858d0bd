// The value of a setting as its text: what a flag, a variable or a configuration file would say.

import { showBytes, showDuration } from './read-value.ts';
import { SETTINGS, type SettingName } from './table.ts';

/** Writes `value` of the setting `name`, as readValue reads it; `''` for null. */
export function writeValue(name: SettingName, value: unknown): string {
  if (value === null) return '';
  if (value === 0) return '0';
  switch (SETTINGS[name].type.kind) {
    case 'duration':
      return showDuration(value as number);
    case 'bytes':
      return showBytes(value as number);
    case 'mode':
      return (value as number).toString(8);
    case 'list':
      return (value as readonly string[]).join(',');
    default:
      return String(value);
  }
}

/** The default of a setting as its text; `''` where it has none. */
export function writeDefault(name: SettingName): string {
  const value = SETTINGS[name].default;
  // Permission bits stand in the table as they are written.
  return typeof value === 'string' ? value : writeValue(name, value);
}
