// Everything that `tsgi check` looks at, in the order of a start. Nothing is served, nothing is left behind, and a server
// that runs is not disturbed.

import { type Identity, identityOf, ownerOf } from '../arbiter/identity.ts';
import { OneOffFailure, runOnce } from '../one-off/one-off.ts';
import { enterFolder } from '../settings/folder.ts';
import { SETTING_NAMES } from '../settings/names.ts';
import { applicationOf, type Resolved, resolveSettings, type Sources } from '../settings/resolve.ts';
import type { Settings } from '../settings/table.ts';
import { checkBinds } from './binds.ts';
import { checkFiles } from './files.ts';
import { type Finding, failed, failure, ok } from './finding.ts';
import { checkLimits } from './limits.ts';
import { findRunning } from './running-server.ts';

/** Checks what `sources` say. Where settings are wrong, nothing else is looked at: it would be of other settings. */
export async function check(sources: Sources): Promise<Finding[]> {
  const wrong: Finding[] = [];
  const refuse = (error: unknown): void => void wrong.push(failure('settings', error));
  let resolved: Resolved;
  try {
    resolved = await resolveSettings(sources, refuse);
  } catch (error) {
    return [...wrong, failure('settings', error)];
  }
  const { settings } = resolved;
  for (const step of [() => applicationOf(resolved), () => enterFolder(settings)]) {
    try {
      step();
    } catch (error) {
      refuse(error);
    }
  }
  if (wrong.length > 0) return wrong;
  const findings = [describe(resolved)];
  const identity = checkUser(settings, findings);
  findings.push(...checkFiles(settings, identity));
  const { server, findings: running } = await findRunning(settings);
  findings.push(...running, ...(await checkBinds(settings, server)), ...checkLimits(settings));
  // Its child would be started as that user, with those files.
  if (findings.every(({ what, state }) => state !== 'failed' || !/^(user|environment file)/.test(what)))
    findings.push(await checkApplication(resolved));
  return findings;
}

/** The exit status that `tsgi serve` would end with. */
export function statusOf(findings: readonly Finding[]): 0 | 2 | 3 {
  const exits = findings.map(({ exit }) => exit).filter((exit) => exit !== 0);
  return exits.length === 0 ? 0 : exits.includes(2) ? 2 : 3;
}

function describe({ origins, configFile }: Resolved): Finding {
  const count = (from: string) => SETTING_NAMES.filter((name) => origins[name].from === from).length;
  const parts = [
    `${count('flag')} by flags`,
    `${count('env')} by variables`,
    configFile === null ? 'no configuration file' : `${count('file')} in ${configFile}`,
  ];
  return ok('settings', parts.join(', '));
}

function checkUser(settings: Settings, findings: Finding[]): Identity | null {
  try {
    const identity = identityOf(settings);
    ownerOf(settings.socketOwner);
    if (identity !== null) findings.push(ok('user', `${identity.name ?? identity.uid}, group ${identity.gid}`));
    return identity;
  } catch (error) {
    findings.push(failure('user', error));
    return null;
  }
}

async function checkApplication(resolved: Resolved): Promise<Finding> {
  const what = `application ${resolved.settings.app}`;
  const began = performance.now();
  try {
    const { kind, ready } = await runOnce(resolved, null);
    return ok(what, `${KINDS[kind] ?? kind}, started in ${Math.round(ready - began)} ms`);
  } catch (error) {
    if (!(error instanceof OneOffFailure)) return failure(what, error);
    const { message, detail } = error;
    return failed(what, message, '', { exit: 3, detail });
  }
}

/** By the names of load/kind.ts. */
const KINDS: Readonly<Record<string, string>> = {
  gateway: 'a gateway application',
  fastify: 'a Fastify instance',
  express: 'an Express application',
  koa: 'a Koa application',
  fetch: 'an object with fetch',
  listener: 'a (req, res) listener',
};
