// The commands of the program and their options, as a shell needs them to complete a line.

import type { Command } from 'commander';

/** One command. */
export interface CompletedCommand {
  /** Its names from the program on: `['generate', 'nginx']`; empty for the program itself. */
  readonly path: readonly string[];
  readonly options: readonly CompletedOption[];
  /** Its own commands. */
  readonly commands: readonly { readonly name: string; readonly text: string }[];
  /** What its first argument may be; empty where it may be anything. */
  readonly choices: readonly string[];
}

/** One option of a command. */
export interface CompletedOption {
  /** `--bind` */
  readonly long: string;
  /** `-b`; null where it has none. */
  readonly short: string | null;
  readonly text: string;
  readonly takesValue: boolean;
  /** What its value may be; empty where it may be anything. */
  readonly choices: readonly string[];
}

/** The program and all commands below it, each before those below. */
export function commandsOf(command: Command, path: readonly string[] = []): CompletedCommand[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  return [
    {
      path,
      options: help.visibleOptions(command).flatMap(({ long, short, description, required, optional, argChoices }) =>
        long === undefined
          ? []
          : [
              {
                long,
                short: short ?? null,
                text: description,
                takesValue: required || optional,
                choices: argChoices ?? [],
              },
            ],
      ),
      commands: below.map((child) => ({ name: child.name(), text: child.description() })),
      choices: command.registeredArguments[0]?.argChoices ?? [],
    },
    ...below.flatMap((child) => commandsOf(child, [...path, child.name()])),
  ];
}
