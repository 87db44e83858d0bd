// Reads the Markdown of the workspace: which pages there are, and what code and links stand in them.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The folder of the workspace. */
export const ROOT: string = resolve(import.meta.dirname, '..');

/** A fenced block of code. */
export interface Block {
  /** The page, relative to the workspace. */
  readonly page: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** Marked `listing`: shown, and not meant to stand alone. */
  readonly listing: boolean;
  /** What stands behind the language, such as `run` of `sh run`; see walk.ts. */
  readonly tags: readonly string[];
  readonly code: string;
}

/** Every page that speaks to users or to those who work here. */
export function pages(): string[] {
  return globSync(['*.md', 'docs/**/*.md', 'packages/*/*.md', 'examples/*/*.md', 'bench/*.md'], {
    cwd: ROOT,
    exclude: (path) => path.includes('node_modules'),
  }).sort();
}

/** The fenced blocks of a page. */
export function blocks(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const found: Block[] = [];
  for (const match of text.matchAll(/^```([^\s`]*)([^\n]*)\n([\s\S]*?)^```\s*$/gm)) {
    const tags = (match[2] ?? '').trim().split(/\s+/);
    found.push({
      page,
      line: text.slice(0, match.index).split('\n').length,
      language: match[1] ?? '',
      listing: tags.includes('listing'),
      tags,
      code: match[3] ?? '',
    });
  }
  return found;
}

/** Where the relative links of a page lead, as paths relative to the workspace, with the line that each stands in. */
export function links(page: string): { readonly line: number; readonly path: string }[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```\s*$/gm, (code) =>
    code.replace(/[^\n]/g, ''),
  );
  const found: { line: number; path: string }[] = [];
  for (const match of text.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)) {
    const target = match[1] as string;
    if (/^[a-z]+:/.test(target)) continue;
    found.push({ line: text.slice(0, match.index).split('\n').length, path: join(dirname(page), target) });
  }
  return found;
}
