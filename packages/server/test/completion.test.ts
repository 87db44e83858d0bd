import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { tsgi } from './fixtures/command.ts';

const missing = (shell: string): string | false =>
  spawnSync(shell, ['--version'], { stdio: 'ignore' }).status !== 0 && `skipped: ${shell} is not installed`;

/** The script for `shell`, in a file. */
async function scriptOf(t: Test, shell: string): Promise<string> {
  const { status, stdout, stderr } = await tsgi(t, ['completion', shell]);
  t.equal(status, 0, stderr);
  const file = join(t.testdir({}), '_tsgi');
  writeFileSync(file, stdout);
  return file;
}

t.test('bash completes commands, options and their values', { skip: missing('bash') }, async (t) => {
  const file = await scriptOf(t, 'bash');
  /** What bash offers for the last of these words. */
  const complete = (...words: string[]): string[] => {
    const set = 'source "$1"; shift; COMP_WORDS=(tsgi "$@"); COMP_CWORD=$#; _tsgi; declare -p COMPREPLY';
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', set, 'bash', file, ...words], { encoding: 'utf8' });
    t.equal(stderr, '', words.join(' '));
    return [...stdout.matchAll(/\[\d+\]="([^"]*)"/g)].map(([, word]) => word as string);
  };
  t.strictSame(complete('se'), ['serve']);
  t.ok(complete('').includes('check') && complete('').includes('status'));
  t.strictSame(complete('serve', '--max-r'), ['--max-requests', '--max-requests-jitter']);
  t.strictSame(complete('serve', '--log-level', ''), ['debug', 'info', 'warn', 'error', 'silent']);
  t.strictSame(complete('serve', '--log-level', '=', 'd'), ['debug']);
  t.strictSame(complete('serve', '--log-level', '='), ['debug', 'info', 'warn', 'error', 'silent']);
  t.strictSame(complete('generate', ''), ['nginx', 'systemd', 'compose', 'help']);
  t.strictSame(complete('generate', 'nginx', '--cert'), ['--certificate', '--certificate-key', '--certfile']);
  t.strictSame(complete('completion', 'z'), ['zsh']);
  t.strictSame(complete('serve', '--name', 'config', '--take'), ['--take-over'], 'a value is no command');
  t.strictSame(complete('serve', '--bind', 's'), [], 'and a value that may be anything is left to bash');
  t.strictSame(complete('serve', ''), [], 'as is a file');
});

t.test('zsh loads its script', { skip: missing('zsh') }, async (t) => {
  const file = await scriptOf(t, 'zsh');
  t.equal(spawnSync('zsh', ['-n', file]).status, 0);
  const load = 'autoload -U compinit; compinit -u -D; source "$1"; print $_comps[tsgi]; whence -w _tsgi_generate_nginx';
  const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', load, 'zsh', file], { encoding: 'utf8' });
  t.equal(stderr, '');
  t.equal(stdout, '_tsgi\n_tsgi_generate_nginx: function\n');
});

t.test('fish completes commands, options and their values', { skip: missing('fish') }, async (t) => {
  const file = await scriptOf(t, 'fish');
  const complete = (line: string): string[] => {
    const script = 'source $argv[1]; complete -C $argv[2]';
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script, file, line], { encoding: 'utf8' });
    t.equal(stderr, '', line);
    return stdout.split('\n').flatMap((row) => (row === '' ? [] : [row.split('\t', 1)[0] as string]));
  };
  t.strictSame(complete('tsgi ser'), ['serve']);
  t.strictSame(complete('tsgi serve --max-requests-'), ['--max-requests-jitter']);
  t.strictSame(complete('tsgi serve --watchdog '), ['off', 'on']);
  t.strictSame(complete('tsgi generate sy'), ['systemd']);
  t.strictSame(complete('tsgi completion z'), ['zsh']);
});

t.test('another shell is refused, with those that there are', async (t) => {
  t.match(await tsgi(t, ['completion', 'tcsh']), { status: 2, stderr: /^tsgi: .*tcsh.* bash, zsh, fish.*\n$/ });
});
