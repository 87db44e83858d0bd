// The folder to work in, which every relative path of the settings is meant from.

import { SettingError } from './setting-error.ts';
import type { Settings } from './table.ts';

/** Goes to the folder that the setting `chdir` names. Throws a {@link SettingError} where this process cannot. */
export function enterFolder({ chdir }: Pick<Settings, 'chdir'>): void {
  try {
    process.chdir(chdir);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new SettingError(`--chdir: the folder ${chdir} cannot be entered (${code})`, 'name one that exists', {
      cause,
    });
  }
}
