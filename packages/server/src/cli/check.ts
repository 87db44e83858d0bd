// tsgi check: looks at everything that a start needs, without serving.

import { check, statusOf } from '../check/check.ts';
import type { Finding } from '../check/finding.ts';
import { type AddCommand, type Flags, withApp, withSettings } from './command.ts';

const MORE = `
Looks at the settings, the files, the binds and the limits of the system, and starts the application in a process of its
own, with a worker's settings, to stop it again. Nothing is served, nothing is left behind; a server that runs is not
disturbed, and what it has is a warning, not a failure.

Exit status: 0 where a server would start, 2 for wrong settings or binds, 3 where the application does not start.`;

export const addCheck: AddCommand = (program, end) => {
  withSettings(
    program.command('check').description('Check settings, binds, files and the application, without serving.'),
  )
    .optionsGroup('Output:')
    .option('--json', 'As JSON.')
    .addHelpText('after', MORE)
    .action(async (app: string | undefined, { json, ...flags }: Flags & { json?: boolean }) => {
      const findings = await check({ flags: withApp(app, flags), env: process.env, cwd: process.cwd() });
      const status = statusOf(findings);
      const text = json ? `${JSON.stringify({ ok: status === 0, findings }, null, 2)}\n` : findings.map(line).join('');
      process.stdout.write(text);
      end(status);
    });
};

/** `ok       bind 127.0.0.1:8000: free` */
function line({ what, state, text, todo, detail }: Finding): string {
  const more = detail === '' ? '' : `${detail.replace(/^/gm, '         ')}\n`;
  return `${state.padEnd(7)}  ${what}: ${text}${todo === '' ? '' : `; ${todo}`}\n${more}`;
}
