// tsgi completion: a script that lets a shell complete the commands and options of tsgi.

import { Argument } from 'commander';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { commandsOf } from '../completion/model.ts';
import { zshScript } from '../completion/zsh.ts';
import type { AddCommand } from './command.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

const MORE = `
  source <(tsgi completion bash)     in ~/.bashrc
  source <(tsgi completion zsh)      in ~/.zshrc, after compinit
  tsgi completion fish | source      in ~/.config/fish/config.fish`;

export const addCompletion: AddCommand = (program) => {
  program
    .command('completion')
    .description('Print a script that completes commands and options in a shell.')
    .addArgument(new Argument('<shell>', 'The shell.').choices(Object.keys(SCRIPTS)))
    .addHelpText('after', MORE)
    .action((shell: keyof typeof SCRIPTS) => {
      process.stdout.write(SCRIPTS[shell](commandsOf(program)));
    });
};
