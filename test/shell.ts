// Judges the commands of a `sh` block without running them: what they name must exist.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBind } from '@tsgi/core';
import { type Block, ROOT } from './markdown.ts';

/** Programs of a reader's machine, whose arguments are his own. */
const SYSTEM = new Set(
  'apt-get cat chgrp chmod chown curl docker getfacl git groups id journalctl kill ls mkdir nginx rm setfacl ss stat sudo systemctl systemd-run systemd-socket-activate usermod wrk'.split(
    ' ',
  ),
);

/** What is wrong with the commands of a block; empty when nothing is. */
export function checkCommands(block: Block): string[] {
  const problems: string[] = [];
  let folder = '.';
  for (const line of block.code.replace(/\\\n/g, ' ').split('\n')) {
    for (const command of line.replace(/(^|\s)#.*/, '').split(/&&|\|\||[|;&](?!\d)/)) {
      const words = command.trim().split(/\s+/).filter(Boolean);
      while (/^[A-Z_]+=/.test(words[0] ?? '')) {
        const [name, value] = (words.shift() as string).split('=', 2) as [string, string];
        if (name === 'TSGI_BIND') problems.push(...tryBind(value));
      }
      const [program, ...args] = words;
      if (program === undefined) continue;
      if (program === 'cd') folder = join(folder, args[0] ?? '.');
      const problem = checkCommand(program, args, folder);
      if (problem !== undefined) problems.push(`${command.trim()}: ${problem}`);
    }
  }
  return problems;
}

function checkCommand(program: string, args: string[], folder: string): string | undefined {
  const here = (path: string): boolean => existsSync(join(ROOT, folder, path));
  switch (program) {
    case 'cd':
      return here('.') ? undefined : `there is no folder ${folder}`;
    case 'npx': {
      if (args[0] !== '-y' || args[1] !== 'pnpm@12') return 'write npx -y pnpm@12';
      const script = args[2] === 'run' ? args[3] : args[2];
      if (script === undefined || script === 'install' || script === 'exec') return undefined;
      const { scripts = {} } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
      return script in scripts ? undefined : `${join(folder, 'package.json')} has no script ${script}`;
    }
    case 'npm': {
      if (args[0] !== 'install' && args[0] !== 'i') return 'only npm install is known';
      const missing = args.filter(
        (name) => name.startsWith('@tsgi/') && !existsSync(join(ROOT, 'packages', name.slice(6))),
      );
      return missing.length === 0 ? undefined : `no package is called ${missing.join(', ')}`;
    }
    case 'node': {
      const file = args.find((argument) => !argument.startsWith('-'));
      return file === undefined || here(file) ? undefined : `there is no file ${join(folder, file)}`;
    }
    default:
      if (program.includes('/')) return here(program) ? undefined : `there is no file ${join(folder, program)}`;
      return SYSTEM.has(program) ? undefined : `${program} is no program that test/shell.ts knows`;
  }
}

function tryBind(text: string): string[] {
  try {
    parseBind(text);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
