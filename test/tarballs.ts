// The published packages as a registry would have them: built, and packed into tarballs.

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import { ROOT } from './markdown.ts';

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
}

/** Builds them all, and packs each into a folder of its own below `folder`: the tarballs by the packages' names. */
export async function packPublished(folder: string): Promise<Map<string, string>> {
  await pnpm(['run', 'build'], ROOT);
  const tarballs = new Map<string, string>();
  for (const directory of await readdir(join(ROOT, 'packages'))) {
    const source = join(ROOT, 'packages', directory);
    const manifest = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as Manifest;
    if (manifest.private === true) continue;
    const out = join(folder, manifest.name.replace('/', '-'));
    await mkdir(out);
    await pnpm(['pack', '--pack-destination', out], source);
    const [file] = await readdir(out);
    tarballs.set(manifest.name, join(out, file as string));
  }
  return tarballs;
}

async function pnpm(args: string[], cwd: string): Promise<void> {
  const { status, stdout, stderr } = await run('pnpm', args, cwd);
  if (status !== 0) throw new Error(`pnpm ${args.join(' ')}\n${stdout}${stderr}`);
}
