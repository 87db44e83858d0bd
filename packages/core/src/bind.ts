// Where a server listens: the grammar of a bind, read and printed. What is wrong with a text is told together with
// what would be right, because a bind is what people write by hand, into a unit file or a Compose file, far from docs.

import { TsgiError } from './errors.ts';

/** A parsed bind. `systemd` names one socket of the activation by its FDNAME, or all of them. */
export type Bind =
  | {
      readonly kind: 'tcp';
      /** An IPv4 address, an IPv6 address without brackets, a name, or `''` for every address of the machine. */
      readonly host: string;
      /** 0 to 65535; 0 lets the system choose. */
      readonly port: number;
    }
  | {
      readonly kind: 'unix';
      /** Absolute, 107 bytes at most. */
      readonly path: string;
    }
  | {
      readonly kind: 'fd';
      /** 3 or more. */
      readonly fd: number;
    }
  | { readonly kind: 'systemd'; readonly name?: string };

/** What `sockaddr_un` of Linux holds beside the closing NUL (unix(7)). Other systems hold less, and say so themselves. */
const SOCKET_PATH_LIMIT = 107;

/**
 * Reads a bind:
 *
 * - `127.0.0.1:8000`, `[::1]:8000`, `[fe80::1%eth0]:8000`, `localhost:8000`; port 0 lets the system choose
 * - `:8000`: every address of the machine, IPv4 and IPv6
 * - `unix:/run/app.sock`, or `unix:///run/app.sock`: an absolute path of 107 bytes at most
 * - `fd://3`: a listening descriptor that was inherited
 * - `systemd`, `systemd:NAME`: the sockets of a socket activation, or those with this FileDescriptorName
 *
 * Throws `TSGI_ERR_BIND_SYNTAX`, `TSGI_ERR_SOCKET_ABSTRACT` or `TSGI_ERR_SOCKET_PATH_LENGTH`.
 */
export function parseBind(text: string): Bind {
  if (text === '') throw wrong(text, 'is empty');
  if (text !== text.trim()) throw wrong(text, 'has space around it', text.trim());
  // unix(7): a name of the abstract name space begins with NUL, which tools show as @.
  if (/^unix:[@\0]/.test(text)) throw new TsgiError('TSGI_ERR_SOCKET_ABSTRACT', { path: printable(text.slice(5)) });
  if (/\p{Cc}/u.test(text)) throw wrong(text, 'has a control character in it');
  if (text.startsWith('unix:')) return parseUnix(text);
  if (text.startsWith('fd:')) return parseDescriptor(text);
  if (text === 'systemd' || text.startsWith('systemd:')) return parseSystemd(text);
  return parseTcp(text);
}

/** Writes a bind as {@link parseBind} reads it. Two binds that say the same print the same. */
export function printBind(bind: Bind): string {
  switch (bind.kind) {
    case 'tcp':
      return bind.host.includes(':') ? `[${bind.host}]:${bind.port}` : `${bind.host}:${bind.port}`;
    case 'unix':
      return `unix:${bind.path}`;
    case 'fd':
      return `fd://${bind.fd}`;
    case 'systemd':
      return bind.name === undefined ? 'systemd' : `systemd:${bind.name}`;
  }
}

function parseUnix(text: string): Bind {
  // unix:///run/app.sock is how Gunicorn and Docker print it: two slashes of a URL, then the path.
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '') throw wrong(text, 'names no path', 'unix:/run/app.sock');
  if (path.startsWith('//')) throw wrong(text, 'has a host in front of its path', `unix:${path.slice(1)}`);
  // A relative path would be another file after every change of folder: under --chdir, in a reload, in a unit file.
  if (!path.startsWith('/')) throw wrong(text, 'has a relative path', `unix:/${path.replace(/^(\.{0,2}\/)+/, '')}`);
  if (path.endsWith('/')) throw wrong(text, 'names a folder, not a socket', `${text}app.sock`);
  const length = new TextEncoder().encode(path).length;
  if (length > SOCKET_PATH_LIMIT) {
    const details = { path: printable(path), length, limit: SOCKET_PATH_LIMIT };
    throw new TsgiError('TSGI_ERR_SOCKET_PATH_LENGTH', details);
  }
  return { kind: 'unix', path };
}

function parseDescriptor(text: string): Bind {
  const digits = /^fd:\/\/(\d+)$/.exec(text)?.[1];
  if (digits === undefined) {
    const number = /[1-9]\d*/.exec(text)?.[0] ?? 3;
    throw wrong(text, 'is not fd:// and the number of a descriptor', `fd://${number}`);
  }
  const fd = Number(digits);
  if (fd < 3) throw wrong(text, `is standard ${['input', 'output', 'error'][fd]}`, 'fd://3');
  // Descriptors are C's int.
  if (fd > 0x7fffffff) throw wrong(text, 'is beyond the number of any descriptor', 'fd://3');
  return { kind: 'fd', fd };
}

function parseSystemd(text: string): Bind {
  if (text === 'systemd') return { kind: 'systemd' };
  const name = text.slice('systemd:'.length);
  if (name === '') throw wrong(text, 'names no socket', 'systemd');
  // What systemd itself takes as FileDescriptorName= (systemd.socket(5)).
  if (!/^[\x20-\x39\x3b-\x7e]{1,255}$/.test(name)) {
    throw wrong(text, 'has a name that systemd does not take: 1 to 255 printable ASCII characters without a colon');
  }
  return { kind: 'systemd', name };
}

function parseTcp(text: string): Bind {
  if (text.startsWith('/')) throw wrong(text, 'is a path without unix: before it', `unix:${text}`);
  if (/^(unix|fd|systemd)(:|$)/i.test(text)) {
    throw wrong(
      text,
      'has its kind in capital letters',
      text.replace(/^\w+/, (kind) => kind.toLowerCase()),
    );
  }
  const url = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(text);
  if (url) throw wrong(text, 'is a URL', url[1] as string, `${url[1]}:8000`);
  if (/^\d+$/.test(text)) throw wrong(text, 'is a port without a host', `:${text}`, '127.0.0.1:8000');

  if (text.startsWith('[')) {
    const [, inner = '', port] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? [];
    const host = ipv6(inner);
    if (host === undefined) throw wrong(text, 'has no IPv6 address between brackets', '[::1]:8000');
    if (port === undefined) throw wrong(text, 'has no port', `[${host}]:8000`);
    return { kind: 'tcp', host, port: parsePort(text, `[${host}]`, port) };
  }

  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0));
  if (host.includes(':')) {
    const [split, whole] = [`[${host}]:${text.slice(colon + 1)}`, `[${text}]:8000`];
    if (ipv6(host) ?? ipv6(text)) throw wrong(text, 'has an IPv6 address without brackets', split, whole);
    throw wrong(text, 'has more than one colon, and no IPv6 address in brackets');
  }
  if (colon < 0) {
    if (!isHost(text)) throw wrong(text, 'is not host and port', `${text}:8000`);
    throw wrong(text, 'has no port', `${text}:8000`);
  }
  if (host === '*') throw wrong(text, 'has * for a host', text.slice(1));
  if (host !== '' && !isHost(host))
    throw wrong(text, `has "${printable(host)}" for a host, which is no address or name`);
  return { kind: 'tcp', host: host.toLowerCase(), port: parsePort(text, host, text.slice(colon + 1)) };
}

function parsePort(text: string, host: string, digits: string): number {
  if (digits === '') throw wrong(text, 'has no port after the colon', `${host}:8000`);
  if (!/^\d+$/.test(digits)) {
    const suggestion = `${host}:${/^\d+/.exec(digits)?.[0] ?? 8000}`;
    throw wrong(text, `has "${printable(digits)}" for a port, which is not a number`, suggestion);
  }
  const port = Number(digits);
  if (port > 65535) throw wrong(text, `has ${digits} for a port, and ports end at 65535`, `${host}:8000`);
  return port;
}

/** Whether `host` is an IPv4 address in four decimal parts, or a name as DNS, /etc/hosts and Docker have them. */
function isHost(host: string): boolean {
  // A last part of digits is an IPv4 address to every resolver, so no other spelling may pass as a name: some read
  // 010.0.0.1 as octal and 127.1 as 127.0.0.1.
  if (/(^|\.)\d+$/.test(host)) return /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/.test(host);
  return host.length <= 253 && /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.(?!$)|$))+$/i.test(host);
}

/** The canonical spelling of an IPv6 address (RFC 5952), its zone kept (RFC 4007 section 11); undefined if it is none. */
function ipv6(text: string): string | undefined {
  const [, address, zone = ''] = /^([0-9a-f:.]+)(%[\w.-]+)?$/i.exec(text) ?? [];
  const url = address?.includes(':') ? URL.parse(`http://[${address}]`) : null;
  return url ? url.hostname.slice(1, -1) + zone : undefined;
}

const GRAMMAR = 'write host:port, [ipv6]:port, :port, unix:/path, fd://N, systemd or systemd:NAME';

/** The error for `text`. Of the suggestions, only those are given that can be read: a wrong hint is worse than none. */
function wrong(text: string, problem: string, ...suggestions: string[]): TsgiError {
  const right = suggestions.filter(canBeRead).map((suggestion) => `"${suggestion}"`);
  const todo = right.length > 0 ? `write ${right.join(' or ')}` : GRAMMAR;
  return new TsgiError('TSGI_ERR_BIND_SYNTAX', { bind: printable(text), problem, todo });
}

function canBeRead(text: string): boolean {
  try {
    parseBind(text);
    return true;
  } catch {
    return false;
  }
}

/** `text` on one line and not endless, for a message: it may come from a file that is anything. */
function printable(text: string): string {
  const line = JSON.stringify(text).slice(1, -1);
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
