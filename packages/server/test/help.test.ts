import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import t from 'tap';
import { createProgram } from '../src/cli/program.ts';
import { flagOf, SETTING_NAMES } from '../src/settings/names.ts';
import { SETTING_GROUPS, SETTINGS } from '../src/settings/table.ts';
import { tsgi } from './fixtures/command.ts';

/** The help of every command by its names, as it is printed on a wide terminal. */
const HELP = new Map(
  helpOf(
    createProgram(() => {}),
    [],
  ),
);

function* helpOf(command: Command, path: readonly string[]): Generator<[names: string, help: string]> {
  yield [path.join(' '), command.configureHelp({ helpWidth: 100 }).helpInformation()];
  for (const below of command.commands) yield* helpOf(below, [...path, below.name()]);
}

t.test('the help of every command fits the terminal, and says what it is for', async (t) => {
  t.ok(HELP.has('serve') && HELP.has('generate nginx'));
  for (const [names, help] of HELP) {
    const [usage, text = ''] = help.split('\n\n');
    t.match(usage, `Usage: ${['tsgi', names].join(' ').trim()}`);
    t.match(text, /^[A-Z].*\.$/s, names);
    t.strictSame(
      help.split('\n').filter((line) => line.length > 100),
      [],
    );
    t.notMatch(help, /\b(undefined|null|NaN|\[object)/);
  }
});

t.test('the help of serve has every setting, in its groups', async (t) => {
  const help = HELP.get('serve') ?? '';
  const groups = Object.entries(SETTING_GROUPS).map(([group, title]) => ({ group, at: help.indexOf(`\n${title}:\n`) }));
  t.strictSame(
    groups,
    groups.toSorted((a, b) => a.at - b.at),
  );
  for (const name of SETTING_NAMES) {
    if (name === 'app') continue;
    const at = help.search(new RegExp(` ${flagOf(name)}[ \n]`));
    t.equal(groups.findLast((group) => group.at < at)?.group, SETTINGS[name].group, name);
  }
  t.match(help, /--timeout <duration> .*Default: 30s\./s);
});

t.test('the help is printed, and its reader may have enough of it', async (t) => {
  t.match(await tsgi(t, ['check', '--help']), {
    status: 0,
    stderr: '',
    stdout: /^Usage: tsgi check .*Exit status: 0 /s,
  });
  const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@tsgi/source', '--', cli, 'serve', '--help'], { stdio: 'pipe' });
  child.stdout.destroy();
  const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  t.equal(stderr, '');
  t.equal(status, 0);
});

t.test('what is misspelled is refused in one line, with the nearest name', async (t) => {
  for (const [args, line] of [
    [['sevre'], "tsgi: unknown command 'sevre' (Did you mean serve?); see tsgi --help\n"],
    [['generate', 'ngnix'], "tsgi: unknown command 'ngnix' (Did you mean nginx?); see tsgi --help\n"],
    [['serve', '--wrokers', '2'], "tsgi: unknown option '--wrokers' (Did you mean --workers?); see tsgi --help\n"],
    [['check', '--bnid', ':1'], "tsgi: unknown option '--bnid' (Did you mean --bind?); see tsgi --help\n"],
    [['serve', 'a', 'b'], /^tsgi: too many arguments[^\n]*; see tsgi --help\n$/],
    [['serve', '--bind'], /^tsgi: option '-b, --bind <bind>' argument missing; see tsgi --help\n$/],
  ] as const) {
    t.match(await tsgi(t, args), { status: 2, stdout: '', stderr: line });
  }
  const env = { TSGI_WROKERS: '2' };
  t.match(await tsgi(t, ['config'], { env }), {
    status: 2,
    stderr: 'tsgi: the variable TSGI_WROKERS is no setting; did you mean TSGI_WORKERS?\n',
  });
});

t.test('without a command the help is printed, with status 2', async (t) => {
  t.match(await tsgi(t, []), { status: 2, stderr: /^Usage: tsgi .* serve .* status .* check /s });
});
