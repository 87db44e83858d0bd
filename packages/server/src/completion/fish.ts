// The completion script for fish: a line an option and a command, each with the condition under which it is offered.

import type { CompletedCommand, CompletedOption } from './model.ts';

/** The script, to be sourced, or a file in ~/.config/fish/completions. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap((command) => {
    const when = conditionOf(command);
    return [
      ...command.commands.map(({ name, text }) => `complete -c tsgi -n ${when} -f -a ${name} -d ${quote(text)}`),
      ...(command.choices.length === 0
        ? []
        : [`complete -c tsgi -n ${when} -f -a ${quote(command.choices.join(' '))}`]),
      ...command.options.map((option) => `complete -c tsgi -n ${when} ${describe(option)}`),
    ];
  });
  return `# Completes tsgi in fish: tsgi completion fish | source\n${lines.join('\n')}\n`;
}

/** The line has come to this command, and to none below it. */
function conditionOf({ path, commands }: CompletedCommand): string {
  const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`);
  const names = commands.map(({ name }) => name).join(' ');
  const unseen = names === '' ? [] : [`not __fish_seen_subcommand_from ${names}`];
  return quote([...seen, ...unseen].join('; and '));
}

function describe({ long, short, text, takesValue, choices }: CompletedOption): string {
  return [
    `-l ${long.slice(2)}`,
    ...(short === null ? [] : [`-s ${short.slice(1)}`]),
    ...(takesValue ? ['-r'] : []),
    ...(choices.length > 0 ? [`-f -a ${quote(choices.join(' '))}`] : []),
    `-d ${quote(text)}`,
  ].join(' ');
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
