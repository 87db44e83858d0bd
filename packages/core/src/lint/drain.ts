// Section H: how a worker ends.

import { type RuleTable, rule } from './rule.ts';

export type DrainRule = 'H1' | 'H2' | 'H3' | 'H4' | 'H5' | 'H6' | 'H7' | 'H8';

export const drainRules: RuleTable<DrainRule> = {
  H1: rule(
    'server',
    'conformance',
    'A drain MUST begin with readiness turned off and `context.draining` aborted, in this order and before the listener is',
    'closed: endless streams end now, and load balancers look elsewhere.',
  ),
  H2: rule(
    'server',
    'conformance',
    'A request that arrives during a drain on a connection that is still open MUST be handled, and its response carries',
    '`Connection: close` (RFC 9112 section 9.6). The listener closes; connections close when they are idle.',
  ),
  H3: rule(
    'server',
    'conformance',
    'A drain MUST wait for requests in flight, for taken sockets and for promises given to `waitUntil`, those that are added',
    'meanwhile included, up to its time limit. What is left then is cut as if the client had left (G5).',
  ),
  H4: rule(
    'server',
    'lint',
    'The server MUST call `stop()`, where there is one, exactly once, after `start` has returned, when every response has',
    'been sent or cut and every taken socket is closed: it is where pools are closed.',
  ),
  H5: rule(
    'server',
    'lint',
    '`context.draining` MUST be aborted by the time `stop` is called of an application that has handled a request, however',
    'fast the end has to be.',
  ),
  H6: rule(
    'server',
    'lint',
    'After `stop` has been called, the server MUST NOT call anything of the application any more.',
  ),
  H7: rule(
    'application',
    'lint',
    'After `stop` has returned, the application MUST NOT call anything of the context any more but `log`.',
  ),
  H8: rule(
    'server',
    'conformance',
    'An error of `stop` MUST be logged at level error and MUST NOT keep the worker from ending.',
  ),
};
