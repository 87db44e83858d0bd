// Why a backup or a restore did not come about, and what to do about it.

export class BackupFailure extends Error {
  readonly exit = 1;
  readonly todo: string;

  constructor(message: string, todo: string, options?: ErrorOptions) {
    super(message, options);
    this.todo = todo;
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL']);
const UNWRITABLE = new Set([
  'ENOENT',
  'EACCES',
  'EPERM',
  'EROFS',
  'EIO',
  'ENOTDIR',
  'EEXIST',
  'EMFILE',
  'ELOOP',
  'ENAMETOOLONG',
]);

/** An error of a file under `folder` in words; any other stays what it is. */
export function explainFile(error: unknown, folder: string): unknown {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (FULL.has(code)) {
    return new BackupFailure(`there is no room in "${folder}" (${code})`, 'make room; backups that are there stay', {
      cause: error,
    });
  }
  if (!UNWRITABLE.has(code)) return error;
  return new BackupFailure(
    `"${folder}" cannot be written (${code})`,
    'make it, and let the user of this process write it',
    {
      cause: error,
    },
  );
}
