// Runs the cases of one column in a process of its own, so that what an application does to its process counts: an
// exception that nobody caught fails the case in which it came, and whatever keeps the process running shows at its end.
//
//   node --conditions=@tsgi/source matrix/column.ts tcp fastify

import { cases, type Result, runCase } from '@tsgi/conformance';
import { adapters } from './adapters.ts';
import { kinds } from './kinds/index.ts';

const [adapterName, kindName] = process.argv.slice(2);
const adapter = adapters.find(({ name }) => name === adapterName);
const kind = kinds.find(({ name }) => name === kindName);
if (adapter === undefined || kind === undefined) {
  console.error('usage: column.ts ADAPTER KIND');
  process.exit(2);
}

const strays: string[] = [];
const stray = (error: unknown): void => {
  strays.push(`nobody caught: ${error instanceof Error ? error.stack : String(error)}`);
};
process.on('uncaughtException', stray);
process.on('unhandledRejection', stray);

const tell = (result: Result): unknown => (process.send === undefined ? print(result) : process.send(result));
for (const one of cases) {
  const result = await runCase(one, adapter, kind);
  const caught = strays.splice(0);
  const reason = [result.reason, ...caught].filter((text) => text !== '').join('\n');
  tell(caught.length === 0 ? result : { ...result, status: 'failed', reason });
}
process.disconnect?.();

/** Without a parent, for whoever looks at one column, the results are printed. */
function print({ title, rules, status, reason, breaks }: Result): void {
  if (status === 'n/a') return;
  console.log(`${status} ${rules.join(' ')}: ${title}`);
  if (status === 'failed') console.log(reason);
  for (const { rule, problem } of breaks) console.log(`  breaks ${rule}: ${problem}`);
}
