// Limits of the system against what the settings ask for. None of them keeps a server from starting.

import { readFileSync } from 'node:fs';
import { openFiles } from '../settings/open-files.ts';
import { processors } from '../settings/processors.ts';
import type { Settings } from '../settings/table.ts';
import { type Finding, ok, warning } from './finding.ts';

/** Looks at open files, the backlog, and processors. What a system does not tell is left out. */
export function checkLimits(settings: Settings): Finding[] {
  return [...checkOpenFiles(settings), ...checkBacklog(settings), checkWorkers(settings)];
}

function checkOpenFiles(settings: Settings): Finding[] {
  // Node raises its soft limit to the hard one when it starts.
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  if (hard === undefined) return [];
  const needed = openFiles(settings);
  if (hard === 'unlimited' || Number(hard) >= needed)
    return [ok('open files', `${hard}, of which a worker may need ${needed}`)];
  return [
    warning(
      'open files',
      `${hard}, and ${settings.limitConnections} connections a worker need some ${needed}`,
      `allow more (LimitNOFILE= of systemd, ulimits of Compose, ulimit -n), or lower --limit-connections`,
    ),
  ];
}

function checkBacklog({ backlog }: Settings): Finding[] {
  const most = Number(read('/proc/sys/net/core/somaxconn'));
  if (!(most > 0) || backlog <= most) return [];
  return [
    warning('backlog', `the system makes ${most} of ${backlog}`, `raise it: sysctl net.core.somaxconn=${backlog}`),
  ];
}

function checkWorkers({ workers }: Settings): Finding {
  const most = processors();
  if (workers === 'auto') return ok('workers', `${most}, as many as processors may be used`);
  const text = `${workers}, and ${most} ${most === 1 ? 'processor' : 'processors'} may be used`;
  return workers <= most ? ok('workers', text) : warning('workers', text, 'more than that take turns');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
