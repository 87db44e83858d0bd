// The completion script for zsh: a function a command, each with the specifications that _arguments takes.

import type { CompletedCommand, CompletedOption } from './model.ts';

/** The script: a file `_tsgi` in a folder of `fpath`, or sourced after compinit. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef tsgi
# Completes tsgi in zsh: source <(tsgi completion zsh), after compinit.
${commands.map(functionOf).join('')}
if [[ $funcstack[1] == _tsgi ]]; then
  _tsgi "$@"
else
  compdef _tsgi tsgi
fi
`;
}

function functionOf({ path, options, commands, choices }: CompletedCommand): string {
  const specifications = options.flatMap(specificationsOf);
  const first = choices.length === 0 ? "'*:file:_files'" : `'1:value:(${choices.join(' ')})'`;
  const rest = commands.length === 0 ? [first] : ["'1:command:->command'", "'*::argument:->argument'"];
  const lines = [...specifications, ...rest].map((line) => `    ${line}`).join(' \\\n');
  const below =
    commands.length === 0
      ? ''
      : `  case $state in
    command)
      local -a commands=(
${commands.map(({ name, text }) => `        ${quote(`${name}:${text}`)}`).join('\n')}
      )
      _describe command commands
      ;;
    argument)
      case $words[1] in
${commands.map(({ name }) => `        ${name}) ${nameOf([...path, name])} ;;`).join('\n')}
      esac
      ;;
  esac
`;
  return `
${nameOf(path)}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C \\
${lines}
${below}}
`;
}

function specificationsOf({ long, short, text, takesValue, choices }: CompletedOption): string[] {
  // A `*`: an option may be given again, as those for lists are.
  const value = !takesValue ? '' : choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
  const names = [long, ...(short === null ? [] : [short])];
  return names.map((name) =>
    quote(`*${name}${takesValue && name === long ? '=' : ''}[${text.replace(/[[\]\\]/g, '\\$&')}]${value}`),
  );
}

/** `_tsgi_generate_nginx` */
function nameOf(path: readonly string[]): string {
  return ['_tsgi', ...path].join('_');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
