// Section B: the request as the server gives it, up to its body.

import { header, headerValues, isToken } from '../headers.ts';
import type { Address, GatewayRequest } from '../interface.ts';
import { lengthProblem, listProblem, nameProblem, valueProblem } from './fields.ts';
import type { Report } from './report.ts';
import { check, type RuleTable, rule } from './rule.ts';
import type { RuleNumber } from './rules.ts';
import { show } from './show.ts';

export type RequestRule =
  | 'B1'
  | 'B2'
  | 'B3'
  | 'B4'
  | 'B5'
  | 'B6'
  | 'B7'
  | 'B8'
  | 'B9'
  | 'B10'
  | 'B11'
  | 'B12'
  | 'B13'
  | 'B14'
  | 'B15'
  | 'B16'
  | 'B17'
  | 'B18'
  | 'B19'
  | 'B20'
  | 'B21';

export const requestRules: RuleTable<RequestRule, GatewayRequest> = {
  B1: rule(
    'server',
    'conformance',
    'What is not a valid request MUST NOT reach the application. The server answers it itself, closes the connection and',
    'writes one line to the log: 400 for malformed syntax or framing (RFC 9112 sections 2.2, 3, 5 and 6), among it two',
    '`Content-Length`, `Content-Length` beside `Transfer-Encoding`, `chunked` twice, a bare CR or LF, NUL, white space before',
    'the colon and folded lines; 408 for a head or body that is too slow; 413, 414 and 431 for a body, request line or',
    'head over its limit; 417 for an expectation other than `100-continue`; 501 for `CONNECT` and for a transfer coding',
    'other than a single `chunked`; 503 for a connection over the limit.',
  ),
  B2: check(
    'server',
    [
      '`method` MUST be a token, in the case in which it was sent (RFC 9110 section 9.1), and never `CONNECT`, which has',
      'another kind of target and no response body (RFC 9110 section 9.3.6).',
    ],
    ({ method }) => {
      if (typeof method !== 'string' || !isToken(method)) return `request.method is ${show(method)}, not a token`;
      if (method === 'CONNECT') return 'request.method is CONNECT';
    },
  ),
  B3: check(
    'server',
    [
      '`target` MUST be in origin form, a path that starts with `/` and an optional query (RFC 9112 section 3.2.1), or',
      '`*` with the method `OPTIONS` (section 3.2.4). It is what was sent: nothing is decoded, merged or removed, because',
      'a server that reads a path otherwise than its front server undoes the access rules there.',
    ],
    ({ method, target }) => {
      if (target === '*')
        return method === 'OPTIONS' ? undefined : `request.target is * with the method ${show(method)}`;
      // Visible ASCII, and the bytes above it that browsers do send: no space, no control character.
      if (typeof target === 'string' && /^\/[\x21-\x7e\x80-\xff]*$/.test(target)) return undefined;
      return `request.target is ${show(target)}, neither a path nor *`;
    },
  ),
  B4: rule(
    'server',
    'conformance',
    'A target in absolute form (`http://example.org/path`) MUST be accepted (RFC 9112 section 3.2.2): `target` is its path',
    'and query, `/` where it has none, and its authority takes the place of the `Host` field in `host`.',
  ),
  B5: check(
    'server',
    [
      '`mountPath` MUST be empty, or a path that starts with `/` and does not end with it, without a query. A mount that',
      'takes a prefix off `target` adds it here, so that `mountPath + target` is always the full path.',
    ],
    ({ mountPath }) => {
      if (typeof mountPath === 'string' && /^(?:\/[\x21\x22\x24-\x3e\x40-\x7e\x80-\xff]*(?<!\/))?$/.test(mountPath))
        return;
      return `request.mountPath is ${show(mountPath)}`;
    },
  ),
  B6: check(
    'server',
    ["`httpVersion` MUST be `'1.0'`, `'1.1'` or `'2.0'`: what the direct neighbour speaks."],
    ({ httpVersion }) =>
      ['1.0', '1.1', '2.0'].includes(httpVersion) ? undefined : `request.httpVersion is ${show(httpVersion)}`,
  ),
  B7: check('server', ["`scheme` MUST be `'http'` or `'https'`."], ({ scheme }) =>
    scheme === 'http' || scheme === 'https' ? undefined : `request.scheme is ${show(scheme)}`,
  ),
  B8: check(
    'server',
    [
      '`host` MUST be an authority without user information, `host` or `host:port` (RFC 3986 section 3.2), or empty where',
      'the client named none. A `Host` field that is none is answered with 400 (RFC 9112 section 3.2): frameworks build',
      'links from it.',
    ],
    ({ host }) => {
      if (typeof host === 'string' && /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i.test(host))
        return undefined;
      return `request.host is ${show(host)}, not an authority`;
    },
  ),
  B9: check(
    'server',
    ['`headers` MUST be a flat array of strings of even length: name, value, name, value.'],
    ({ headers }) => listProblem(headers, 'request.headers'),
  ),
  B10: check(
    'server',
    ['Names in `headers` MUST be tokens in lower case (RFC 9110 section 5.1: names have no case).'],
    ({ headers }) => nameProblem(headers, 'request.headers', true),
  ),
  B11: check(
    'server',
    [
      'Values in `headers` MUST have no CR, LF, NUL or other control character but tab, and no character above U+00FF',
      '(RFC 9110 section 5.5). Bytes above 0x7F are given as the characters of the same number, so that none is lost.',
    ],
    ({ headers }) => valueProblem(headers, 'request.headers'),
  ),
  B12: check(
    'server',
    [
      'Framing in `headers` MUST be beyond doubt (RFC 9112 section 6.3): at most one `content-length`, a decimal number,',
      'and not beside `transfer-encoding`; `transfer-encoding` is `chunked`. Two readings of one message are how requests',
      'are smuggled past a front server.',
    ],
    ({ headers }) => {
      const problem = lengthProblem(headers, 'request.headers');
      if (problem !== undefined) return problem;
      if (listProblem(headers, '') !== undefined) return undefined;
      const codings = headerValues(headers, 'transfer-encoding');
      if (codings.length === 0) return undefined;
      if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') {
        return `request.headers has transfer-encoding ${show(codings.join(', '))}`;
      }
      if (header(headers, 'content-length') !== undefined) {
        return 'request.headers has content-length and transfer-encoding';
      }
    },
  ),
  B13: rule(
    'server',
    'conformance',
    '`headers` MUST have every field of the message in the order of the wire, duplicates included and not joined. Fields',
    'of the connection (`connection`, `upgrade`, `transfer-encoding`) stay in the list, for the reader only.',
  ),
  B14: rule(
    'application',
    'lint',
    'The application MUST NOT change the array `headers`: a log or a middleware around it reads the same one.',
  ),
  B15: rule(
    'server',
    'lint',
    '`fields` MUST be an object with the fields of `headers` by lower-case name: a string, or for `set-cookie` an array.',
    'Duplicates are joined as `headerFields(headers)` does it. It belongs to the request, and its handler may change it.',
  ),
  B16: check(
    'server',
    [
      '`client` and `peer` MUST each be `{ kind: "ip", address, port }` with an IP address and a port from 0 to 65535 (0',
      'where it is not known, as it is for a client behind a proxy), or `{ kind: "unix" }`.',
    ],
    ({ client, peer }) => addressProblem(client, 'request.client') ?? addressProblem(peer, 'request.peer'),
  ),
  B17: rule(
    'server',
    'conformance',
    '`client`, `scheme`, `host` and `id` MUST be taken from forwarding fields (`X-Forwarded-*`, or `Forwarded` of RFC 7239,',
    'and `X-Request-Id`) only where the peer that sent them is trusted; of a chain of proxies the right-most untrusted hop',
    'is the client. From anyone else these fields are left in `headers` and have no effect.',
  ),
  B18: check(
    'server',
    [
      '`id` MUST be 1 to 200 printable ASCII characters without space, so that it can stand in a log line and in a field.',
    ],
    ({ id }) => (typeof id === 'string' && /^[\x21-\x7e]{1,200}$/.test(id) ? undefined : `request.id is ${show(id)}`),
  ),
  B19: rule(
    'server',
    'lint',
    '`id` MUST NOT be that of another request in flight, unless a trusted peer chose it in `x-request-id`.',
  ),
  B20: rule(
    'server',
    'lint',
    '`signal` MUST be an AbortSignal. It SHOULD be made only when it is asked for: most requests never ask.',
  ),
  B21: rule(
    'server',
    'lint',
    'A property of the request MUST have the same value every time it is read, the same object where it is one, also',
    'after the response; only `trailers` changes, when the body has ended.',
  ),
};

/** Checks what can be read without making anything: all of section B that looks at one request alone. */
export function checkRequest(request: GatewayRequest, report: Report): void {
  for (const [number, { problem }] of Object.entries(requestRules)) {
    const found = problem?.(request);
    if (found !== undefined) report.broken(number as RuleNumber, found);
  }
}

/** Why `fields` is not a look-up of header fields (B15). */
export function fieldsProblem(fields: unknown): string | undefined {
  if (typeof fields !== 'object' || fields === null) return `request.fields is ${show(fields)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (name !== name.toLowerCase()) return `request.fields has the name ${show(name)}, which is not lower-case`;
    const right = name === 'set-cookie' ? Array.isArray(value) : value === undefined || typeof value === 'string';
    if (!right) return `request.fields has ${show(value)} under ${show(name)}`;
  }
}

function addressProblem(address: Address, what: string): string | undefined {
  const { kind } = (address ?? {}) as { kind?: unknown };
  if (kind === 'unix') return undefined;
  if (address?.kind !== 'ip') return `${what} is of the kind ${show(kind)}`;
  if (!isIpAddress(address.address)) return `${what}.address is ${show(address.address)}, not an IP address`;
  const { port } = address;
  if (!Number.isInteger(port) || port < 0 || port > 65535) return `${what}.port is ${show(port)}`;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

function isIpAddress(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  // The zone of a link-local address (RFC 4007 section 11) is this machine's affair; URLs do not have it.
  return IPV4.test(text) || (text.includes(':') && URL.canParse(`http://[${text.replace(/%[\w.-]+$/, '')}]/`));
}
