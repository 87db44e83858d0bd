// Files that the server and its workers read and write: whether they can, as the users that they run as.

import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Identity } from '../arbiter/identity.ts';
import type { Settings } from '../settings/table.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

type Who = Pick<Identity, 'uid' | 'gid'> | null;

/** Looks at certificate and key, log files and the pid file's folder. `identity` is whom workers run as. */
export function checkFiles(settings: Settings, identity: Who): Finding[] {
  const { envFile, logFile, accessLogfile, pidfile } = settings;
  return [
    ...envFile.map((path) => checkReadable(`environment file ${path}`, path, null)),
    ...checkCertificate(settings, identity),
    // The arbiter and the workers write to it.
    ...(isFile(logFile) ? [checkAppend(`log file ${logFile}`, logFile, identity)] : []),
    ...(isFile(accessLogfile) ? [checkAppend(`access log ${accessLogfile}`, accessLogfile, identity)] : []),
    ...(pidfile === null ? [] : [checkFolder(`folder of ${pidfile}`, resolve(pidfile), null)]),
  ];
}

function isFile(path: string | null): path is string {
  return path !== null && path !== '-' && path !== 'off';
}

function checkReadable(what: string, path: string, who: Who): Finding {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return failed(what, 'there is no such file', 'write the path of one');
  if (stats.isDirectory()) return failed(what, 'is a folder', 'write the path of a file');
  return may(who, 'r', path) ? ok(what, 'can be read') : refused(what, 'cannot be read', path, who);
}

function checkCertificate({ certfile, keyfile }: Settings, who: Who): Finding[] {
  if (certfile === null || keyfile === null) return [];
  const files = [
    checkReadable(`certificate ${certfile}`, certfile, who),
    checkReadable(`key ${keyfile}`, keyfile, who),
  ];
  if (files.some(({ state }) => state === 'failed')) return files.filter(({ state }) => state === 'failed');
  const what = `certificate ${certfile}`;
  try {
    const cert = readFileSync(certfile);
    createSecureContext({ cert, key: readFileSync(keyfile) });
    const { validToDate } = new X509Certificate(cert);
    const until = validToDate.toISOString().slice(0, 10);
    if (validToDate.getTime() < Date.now()) return [warning(what, `has expired on ${until}`, 'renew it')];
    return [ok(what, `fits its key, valid until ${until}`)];
  } catch (error) {
    const { message } = error as Error;
    return [failed(what, `cannot be used with the key ${keyfile}: ${message}`, 'give both as PEM, of the same pair')];
  }
}

/** Whether lines can be appended, without making the file. */
function checkAppend(what: string, path: string, who: Who): Finding {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return checkFolder(what, resolve(path), who);
  if (stats.isDirectory()) return failed(what, 'is a folder', 'write the path of a file');
  return may(who, 'w', path) ? ok(what, 'can be written') : refused(what, 'cannot be written', path, who);
}

function checkFolder(what: string, path: string, who: Who): Finding {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    return failed(what, `there is no folder ${folder}`, `make it: mkdir -p ${folder}`);
  return may(who, 'w', folder) ? ok(what, 'can be written') : refused(what, 'cannot be written', folder, who);
}

function refused(what: string, text: string, path: string, who: Who): Finding {
  const user = who?.uid ?? process.geteuid?.() ?? 0;
  return failed(what, `${text} by user ${user}`, `see who may: namei -l ${resolve(path)}`);
}

/** Whether a user may read or write at `path`. For another one than ours a process of that user looks, as it would be served. */
function may(who: Who, how: 'r' | 'w', path: string): boolean {
  if (who !== null) return spawnSync('test', [`-${how}`, resolve(path)], { uid: who.uid, gid: who.gid }).status === 0;
  try {
    accessSync(path, how === 'r' ? constants.R_OK : constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
