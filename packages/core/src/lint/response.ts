// Section D: informational responses, and the head of the final one.

import { headerValues } from '../headers.ts';
import type { GatewayRequest, GatewayResponse, HeaderList } from '../interface.ts';
import { hopByHopProblem, lengthProblem, listProblem, nameProblem, valueProblem } from './fields.ts';
import type { Report } from './report.ts';
import { check, type RuleTable, rule } from './rule.ts';
import type { RuleNumber } from './rules.ts';
import { show } from './show.ts';

export type ResponseRule =
  | 'D1'
  | 'D2'
  | 'D3'
  | 'D4'
  | 'D5'
  | 'D6'
  | 'D7'
  | 'D8'
  | 'D9'
  | 'D10'
  | 'D11'
  | 'D12'
  | 'D13'
  | 'D14'
  | 'D15';

export const responseRules: RuleTable<ResponseRule, GatewayResponse> = {
  D1: rule(
    'application',
    'lint',
    '`inform` MUST be called with the status 102 or 103: 100 is sent by the server, and 101 is `upgrade.take()`.',
  ),
  D2: rule(
    'application',
    'lint',
    'The header list given to `inform` MUST be as D7 to D10 have it, without `content-length`.',
  ),
  D3: rule(
    'application',
    'lint',
    '`inform` MUST be called before `handle` resolves (RFC 9110 section 15.2: interim responses precede the final one).',
  ),
  D4: rule(
    'server',
    'conformance',
    '`inform` MUST send the informational response at once, with its fields, and MUST do nothing where the client speaks',
    'HTTP/1.0 (RFC 9110 section 15.2), has left, or has been sent a final response.',
  ),
  D5: rule(
    'application',
    'lint',
    '`handle` MUST return a response object or `TAKEN`, or a promise of one. One object may answer many requests, so nobody',
    'changes it.',
  ),
  D6: check('application', ['`status` MUST be an integer from 200 to 599 (RFC 9110 section 15).'], ({ status }) =>
    Number.isInteger(status) && status >= 200 && status <= 599 ? undefined : `response.status is ${show(status)}`,
  ),
  D7: check(
    'application',
    ['`headers` MUST be a flat array of strings of even length: name, value, name, value.'],
    ({ headers }) => listProblem(headers, 'response.headers'),
  ),
  D8: check(
    'application',
    ['Names in `headers` MUST be tokens (RFC 9110 section 5.6.2), in any case.'],
    ({ headers }) => nameProblem(headers, 'response.headers'),
  ),
  D9: check(
    'application',
    [
      'Values in `headers` MUST have no CR, LF, NUL or other control character but tab, and no character above U+00FF',
      '(RFC 9110 section 5.5). One that has them is never passed on, not even in part (G3): it is how responses are split.',
    ],
    ({ headers }) => valueProblem(headers, 'response.headers'),
  ),
  D10: check(
    'application',
    [
      '`headers` MUST have no field that speaks of the connection (RFC 9110 section 7.6.1): `connection`, `keep-alive`,',
      '`proxy-connection`, `te`, `transfer-encoding`, `upgrade`. The connection belongs to the server, and a bridge drops what',
      'its framework sets.',
    ],
    ({ headers }) => hopByHopProblem(headers, 'response.headers'),
  ),
  D11: rule(
    'server',
    'conformance',
    'A field of D10 that the application sets all the same MUST be dropped, and the response sent without it.',
  ),
  D12: check(
    'application',
    ['`content-length` MUST stand in `headers` at most once, as a decimal number (RFC 9110 section 8.6).'],
    ({ headers }) => lengthProblem(headers, 'response.headers'),
  ),
  D13: check(
    'application',
    [
      '`content-length` MUST NOT stand in `headers` with the status 204 (RFC 9110 section 8.6), nor where the response has',
      '`trailers`, which only the chunked coding can carry.',
    ],
    (response) => {
      if (listProblem(response.headers, '') !== undefined) return undefined;
      if (headerValues(response.headers, 'content-length').length === 0) return undefined;
      if (response.status === 204) return 'response.headers has content-length with the status 204';
      if ('trailers' in response) return 'response.headers has content-length beside trailers';
    },
  ),
  D14: rule(
    'server',
    'conformance',
    'The server MUST send the fields of `headers` in their order, with the spelling of their names, duplicates included',
    'and not joined: `set-cookie` cannot be (RFC 9110 section 5.3).',
  ),
  D15: rule(
    'server',
    'conformance',
    'The server MUST add `Date` where the application set none (RFC 9110 section 6.6.1).',
  ),
};

/** Whether `outcome` is a response at all, as far as its parts can be looked at (D5). */
export function isResponse(outcome: unknown): outcome is GatewayResponse {
  return typeof outcome === 'object' && outcome !== null;
}

/** Checks the head of a response. */
export function checkResponse(response: GatewayResponse, report: Report): void {
  for (const [number, { problem }] of Object.entries(responseRules)) {
    const found = problem?.(response);
    if (found !== undefined) report.broken(number as RuleNumber, found);
  }
}

/** Checks a call of `inform`; `answered` when `handle` has resolved already. */
export function checkInform(
  status: unknown,
  headers: HeaderList,
  answered: boolean,
  request: GatewayRequest,
  report: Report,
): void {
  if (status !== 102 && status !== 103) report.broken('D1', `inform was called with the status ${show(status)}`);
  const what = 'the list given to inform';
  const problem =
    listProblem(headers, what) ??
    nameProblem(headers, what) ??
    valueProblem(headers, what) ??
    hopByHopProblem(headers, what) ??
    lengthlessProblem(headers, what);
  if (problem !== undefined) report.broken('D2', problem);
  if (answered) report.broken('D3', `inform was called after handle had resolved, for request ${show(request.id)}`);
}

function lengthlessProblem(headers: HeaderList, what: string): string | undefined {
  return headerValues(headers, 'content-length').length > 0 ? `${what} has content-length` : undefined;
}
