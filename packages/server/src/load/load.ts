// Finds the application that a setting names, whatever framework it was written for.

import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Application } from '@tsgi/core';
import { KINDS, type KindName, kindOf } from './kind.ts';
import { LoadError } from './load-error.ts';
import { type AppSpec, parseSpec } from './spec.ts';

/** The names that are tried, in this order, where a setting names a module alone. */
const USUAL_NAMES = ['default', 'app', 'application', 'server', 'handler', 'createApp'];

/** An application, ready to be started. */
export interface Loaded {
  readonly application: Application;
  readonly kind: KindName;
}

/**
 * Imports the module of `text` and makes what it exports a gateway application. A relative module is found from `cwd`, a
 * bare name as a package from there. Throws a {@link LoadError}; the module's own error is its cause.
 */
export async function loadApplication(text: string, cwd: string): Promise<Loaded> {
  const spec = parseSpec(text);
  const exports = await importModule(spec.module, cwd);
  const [name, value] = pick(spec, exports);
  let candidate = await value;
  let kind = kindOf(candidate);
  if (spec.call || (kind === undefined && isFactory(candidate))) {
    if (typeof candidate !== 'function') throw notCallable(spec, name);
    candidate = await callFactory(name, spec, candidate as () => unknown);
    kind = kindOf(candidate);
  }
  if (kind === undefined) throw notAnApplication(spec, name, candidate);
  return { application: await kind.serve(candidate as never), kind: kind.name };
}

async function importModule(module: string, cwd: string): Promise<Readonly<Record<string, unknown>>> {
  const url = await locate(module, cwd);
  try {
    return await import(url);
  } catch (cause) {
    const { message } = cause as Error;
    throw new LoadError(`the module ${module} fails when it is imported: ${message}`, 'mend what its own error says', {
      cause,
    });
  }
}

async function locate(module: string, cwd: string): Promise<string> {
  if (module.startsWith('.') || isAbsolute(module)) return fileUrl(module, resolve(cwd, module));
  // `app.ts` beside us is meant more often than a package of that name.
  const beside = resolve(cwd, module);
  if (await isFile(beside)) return pathToFileURL(beside).href;
  try {
    return pathToFileURL(createRequire(resolve(cwd, 'from-here.js')).resolve(module)).href;
  } catch (cause) {
    throw new LoadError(
      `there is no file ${beside} and no package ${module}`,
      `write the path of the module, such as ./${module}`,
      { cause },
    );
  }
}

async function fileUrl(module: string, path: string): Promise<string> {
  if (await isFile(path)) return pathToFileURL(path).href;
  throw new LoadError(
    `there is no file ${path}`,
    `write the path of the module with its ending; it was given as ${module}`,
  );
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function pick(spec: AppSpec, exports: Readonly<Record<string, unknown>>): [name: string, value: unknown] {
  const names = Object.keys(exports);
  const listed = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`;
  if (spec.export !== null) {
    if (Object.hasOwn(exports, spec.export)) return [spec.export, exports[spec.export]];
    throw new LoadError(
      `the module ${spec.module} does not export ${spec.export}; ${listed}`,
      'name one of its exports',
    );
  }
  const usual = USUAL_NAMES.find((name) => Object.hasOwn(exports, name));
  if (usual !== undefined) return [usual, exports[usual]];
  throw new LoadError(
    `the module ${spec.module} exports none of ${USUAL_NAMES.join(', ')}; ${listed}`,
    `name the export: ${spec.module}:${names[0] ?? 'app'}`,
  );
}

/** A function without arguments is no listener; it can only be meant to be called. */
function isFactory(value: unknown): boolean {
  return typeof value === 'function' && value.length === 0 && !/^class\b/.test(Function.prototype.toString.call(value));
}

async function callFactory(name: string, spec: AppSpec, factory: () => unknown): Promise<unknown> {
  try {
    return await factory();
  } catch (cause) {
    const { message } = cause as Error;
    throw new LoadError(`${name}() of ${spec.module} throws: ${message}`, 'mend what its own error says', { cause });
  }
}

function notCallable(spec: AppSpec, name: string): LoadError {
  return new LoadError(`${name} of ${spec.module} is no function`, `write it without (): ${spec.module}:${name}`, {
    exit: 3,
  });
}

function notAnApplication(spec: AppSpec, name: string, value: unknown): LoadError {
  const found =
    typeof value === 'function'
      ? `a function of ${value.length} arguments`
      : typeof value === 'object' && value !== null
        ? `an object with ${Object.keys(value).slice(0, 8).join(', ') || 'nothing in it'}`
        : String(value);
  const looked = KINDS.map(({ looks }) => looks).join('; ');
  return new LoadError(
    `${name} of ${spec.module} is ${found}, and no application`,
    `export one of these, or a factory of it: ${looked}`,
  );
}
