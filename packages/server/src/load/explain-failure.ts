// Why an application could not be loaded or started, for whoever has to mend it.

import { LoadError } from './load-error.ts';

type Explained = Error & { readonly todo?: string };

/** An error for its reader. One that says in `todo` what to do needs no stack, whoever made it; else `stack` is the application's. */
export function explainFailure(error: unknown): { readonly message: string; readonly stack: string } {
  const { message, stack, todo, cause } = error as Explained;
  if (todo === undefined) return { message: String(message ?? error), stack: stack ?? '' };
  if (!(error instanceof LoadError) || cause === undefined) return { message: `${message}; ${todo}`, stack: '' };
  const own = cause as Explained;
  if (own.todo !== undefined) return explainFailure(own);
  return { message: `${message}; ${todo}`, stack: own.stack ?? '' };
}
