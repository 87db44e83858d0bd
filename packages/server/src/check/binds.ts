// Whether every bind can be had. TCP addresses are bound for a moment, and nobody listens on them; nothing is made in a
// folder, and nothing there is touched.

import { lookup } from 'node:dns/promises';
import { BoundSocket } from 'node:net';
import { bindError } from '@tsgi/adapter-node';
import { checkDescriptor, checkPath, listenFds } from '@tsgi/adapter-unix-socket';
import { type Bind, parseBind, printBind } from '@tsgi/core';
import type { Settings } from '../settings/table.ts';
import { type Finding, failed, failure, ok, warning } from './finding.ts';
import { holdersOf } from './holders.ts';
import { heldBy, type RunningServer } from './running-server.ts';

/** Looks at the binds of the server and of its monitor. */
export async function checkBinds(settings: Settings, server: RunningServer | null): Promise<Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const [kind, texts] of [
    ['bind', settings.bind],
    ['monitor bind', settings.monitorBind],
  ] as const) {
    for (const text of texts) {
      const what = `${kind} ${text}`;
      const bind = parseBind(text);
      const printed = printBind(bind);
      const isAgain = seen.has(printed) && !(bind.kind === 'tcp' && bind.port === 0);
      seen.add(printed);
      if (isAgain) findings.push(failed(what, 'named a second time', 'leave one of them out'));
      else findings.push(await check(what, bind, settings, server));
    }
  }
  return findings;
}

async function check(what: string, bind: Bind, settings: Settings, server: RunningServer | null): Promise<Finding> {
  try {
    switch (bind.kind) {
      case 'tcp':
        await tryTcp(bind);
        return ok(what, bind.port === 0 ? 'the system chooses the port' : 'free');
      case 'unix':
        await checkPath(bind.path, settings.takeOver);
        return ok(what, 'free');
      case 'fd':
        checkDescriptor(bind.fd);
        return ok(what, 'a socket');
      case 'systemd':
        return checkActivation(what, bind);
    }
  } catch (error) {
    return taken(what, bind, server, error);
  }
}

async function tryTcp(bind: Bind & { kind: 'tcp' }): Promise<void> {
  try {
    const host = bind.host === '' ? '::' : (await lookup(bind.host)).address;
    new BoundSocket({ host, port: bind.port }).close();
  } catch (error) {
    throw bindError(bind, error as NodeJS.ErrnoException);
  }
}

function checkActivation(what: string, { name }: Bind & { kind: 'systemd' }): Finding {
  if (process.env.LISTEN_FDS === undefined)
    return warning(what, 'cannot be seen from here', 'systemd hands it over when it starts the service');
  const found = listenFds().filter((socket) => name === undefined || socket.name === name);
  if (found.length > 0) return ok(what, `${found.length} of systemd's sockets`);
  return failed(what, `systemd handed over no socket of that name`, 'see FileDescriptorName= of its socket unit');
}

/** A bind that cannot be had: by whom it is held, and whether that is this very server. */
function taken(what: string, bind: Bind, server: RunningServer | null, error: unknown): Finding {
  const { code } = error as { code?: string };
  if (code !== 'TSGI_ERR_BIND_IN_USE' && code !== 'TSGI_ERR_SOCKET_OCCUPIED') return failure(what, error);
  const holders = holdersOf(bind);
  const isOurs = server?.binds.includes(printBind(bind)) || holders.some(({ pid }) => pid === server?.pid);
  if (server !== null && isOurs) return warning(what, ...heldBy(server.pid));
  if (holders.length === 0) return failure(what, error);
  const names = holders.map(({ pid, name }) => `${name} (process ${pid})`).join(', ');
  return failed(what, `in use by ${names}`, 'stop that program, or choose another bind');
}
