// In the worker: which files its code is made of, told to the arbiter as they are imported.

import { findPackageJSON, registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSpec } from '../load/spec.ts';
import type { Settings } from '../settings/table.ts';
import { stampOf } from './stamp.ts';

/** Is told of a file once, with its stamp from before it was read; the stamp is `''` where the file is missing. */
export type ReportFile = (path: string, stamp: string) => void;

/**
 * Reports the files that `settings` name, and from now on each file that is imported or required by this thread, those in
 * `node_modules` left out. Throws a `LoadError` where the setting of the application cannot be read.
 */
export function reportImports(settings: Settings, report: ReportFile): void {
  const told = new Set<string>();
  const tell = (path: string): void => {
    if (told.has(path)) return;
    told.add(path);
    // One by one: code that hangs or exits while it is imported gives no later occasion.
    report(path, stampOf(path));
  };
  const modules = [parseSpec(settings.app ?? '').module, ...settings.import.filter((name) => /^[./]/.test(name))];
  // Many applications read .env themselves.
  for (const path of [...modules, ...settings.envFile, '.env']) tell(resolve(path));
  registerHooks({
    resolve(specifier, context, next) {
      try {
        const found = next(specifier, context);
        if (isOwn(found.url)) tell(fileURLToPath(found.url));
        return found;
      } catch (error) {
        if (context.parentURL !== undefined && isOwn(context.parentURL)) {
          for (const path of placesOf(specifier, context.parentURL)) tell(path);
        }
        throw error;
      }
    },
  });
}

function isOwn(url: string): boolean {
  return url.startsWith('file:') && !url.includes('/node_modules/');
}

/** Where a module that was not found could come to be. */
function placesOf(specifier: string, parent: string): string[] {
  // A package comes with an entry in package.json.
  if (!/^(\.{0,2}\/|file:)/.test(specifier)) return [findPackageJSON('..', parent) ?? []].flat();
  const path = fileURLToPath(new URL(specifier, parent));
  // The endings that require() tries; import tries none.
  return ['', '.js', '.json', '.node', '/index.js'].map((ending) => path + ending);
}
