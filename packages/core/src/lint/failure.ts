// Section G: what a client sees when an application fails, and what an application sees when its client leaves. All of
// it shows only at the client's end of the connection or in the log.

import { type RuleTable, rule } from './rule.ts';

export type FailureRule = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'G7';

export const failureRules: RuleTable<FailureRule> = {
  G1: rule(
    'server',
    'conformance',
    'When `handle` throws or rejects, the server MUST answer 500 without any detail of the error, and write one log entry',
    'at level error with the error and the `id` of the request. An error of C6 that the server itself threw from the body',
    'and the application let through is the fault of the client: it is answered with the status of that error.',
  ),
  G2: rule(
    'server',
    'conformance',
    'When the body throws after the head was sent, the server MUST NOT end the message as if it were whole: no last chunk,',
    'no missing bytes. It resets the connection, or closes it where the transport has no reset (RFC 9112 section 8), and',
    'writes one log entry at level error with the error and the `id`.',
  ),
  G3: rule(
    'server',
    'conformance',
    'An outcome that cannot be sent (D5 to D9, D12, E1) MUST be answered with 500 and logged as `TSGI_ERR_RESPONSE`; no part',
    'of it is sent.',
  ),
  G4: rule(
    'server',
    'conformance',
    'An application that fails in one request MUST NOT harm another one, on whichever connection, nor the worker.',
  ),
  G5: rule(
    'server',
    'conformance',
    'When the client leaves before the response has been sent, the server MUST abort `signal`, let `next()` of the body of',
    'the request throw (C6) and discard the body of the response (E12), also while it waits for a chunk of it. A `signal`',
    'that is asked for later is aborted already. A client that leaves is no error in the log.',
  ),
  G6: rule(
    'server',
    'conformance',
    'An outcome that comes after the client has left MUST be dropped, its body discarded.',
  ),
  G7: rule(
    'server',
    'conformance',
    '`signal` MUST NOT abort when the response has been sent to its end: it says that an answer is no longer wanted. Its',
    '`reason` is an error that says why.',
  ),
};
