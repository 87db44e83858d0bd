// The completion script for bash. It finds the command that a line has come to, and offers what may follow.

import type { CompletedCommand, CompletedOption } from './model.ts';

/** The script, to be sourced. Where it has nothing to offer, bash completes file names. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const steps = commands.flatMap(({ path, commands: below }) =>
    below.map(({ name }) => `      '${[...path, name].join(' ')}') path='${[...path, name].join(' ')}' ;;`),
  );
  const values = commands.flatMap(({ path, options }) =>
    [
      ...Map.groupBy(
        options.filter(({ takesValue }) => takesValue),
        ({ choices }) => choices.join(' '),
      ),
    ].map(([words, group]) => {
      const patterns = group.flatMap(namesOf).map((name) => `'${path.join(' ')}:${name}'`);
      return `    ${patterns.join(' | ')}) words='${words}' ;;`;
    }),
  );
  const flags = commands.map(
    ({ path, options }) => `          '${path.join(' ')}') words='${options.flatMap(namesOf).join(' ')}' ;;`,
  );
  const others = commands
    .map(({ path, commands: below, choices }) => ({ path, words: [...below.map(({ name }) => name), ...choices] }))
    .filter(({ words }) => words.length > 0)
    .map(({ path, words }) => `          '${path.join(' ')}') words='${words.join(' ')}' ;;`);
  return `# Completes tsgi in bash: source <(tsgi completion bash)
_tsgi() {
  local path='' words='' word cur=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --flag=value apart, at the =.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $before == '=' ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
    case "\${path:+$path }$word" in
${steps.join('\n')}
    esac
  done
  case "$path:$before" in
${values.join('\n')}
    *)
      if [[ $cur == -* ]]; then
        case "$path" in
${flags.join('\n')}
        esac
      else
        case "$path" in
${others.join('\n')}
        esac
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _tsgi tsgi
`;
}

function namesOf({ long, short }: CompletedOption): string[] {
  return short === null ? [long] : [long, short];
}
