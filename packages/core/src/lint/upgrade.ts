// Section F: a request to change the protocol, and the socket that the application takes over.

import { header } from '../headers.ts';
import type { GatewayRequest, RawSocket, Upgrade } from '../interface.ts';
import { listProblem } from './fields.ts';
import type { Report } from './report.ts';
import { type RuleTable, rule } from './rule.ts';
import { show } from './show.ts';

export type UpgradeRule = 'F1' | 'F2' | 'F3' | 'F4' | 'F5' | 'F6' | 'F7' | 'F8';

export const upgradeRules: RuleTable<UpgradeRule> = {
  F1: rule(
    'server',
    'lint',
    "`upgrade` MUST be null, or `{ protocol, head, take }`: `protocol` is `'websocket'`, however the client spelled it,",
    '`head` a Uint8Array with the bytes that came behind the request, `take` a function. It is null where `upgrade` is not',
    'among the header fields, and where the request has a body, which would have to be read first (RFC 9110 section 7.8).',
  ),
  F2: rule(
    'server',
    'conformance',
    'A request to change to any other protocol, `h2c` among them, MUST be handled as an ordinary request: a server may',
    'ignore `Upgrade` (RFC 9110 section 7.8).',
  ),
  F3: rule(
    'application',
    'lint',
    'The application MUST call `take()` at most once, and before `handle` resolves. Otherwise it throws',
    '`TSGI_ERR_UPGRADE_TAKEN`.',
  ),
  F4: rule(
    'server',
    'lint',
    '`take()` MUST return the raw socket: an object with `write`, `end`, `destroy`, `on`, `once`, `removeListener` and',
    '`destroyed`, on which nothing has been sent for this request but informational responses.',
  ),
  F5: rule(
    'application',
    'lint',
    '`handle` MUST NOT resolve to `TAKEN` where `take()` has not been called: nobody would answer the client.',
  ),
  F6: rule(
    'application',
    'lint',
    '`handle` MUST resolve to `TAKEN` where `take()` has been called. The application answers on the socket itself: the',
    'handshake with 101, or a refusal.',
  ),
  F7: rule(
    'server',
    'conformance',
    'After `take()` the server MUST NOT read from the socket, write to it or set a time limit on it. It counts as in flight',
    'until it is closed. Where `handle` throws after `take()`, the server destroys the socket and logs the error.',
  ),
  F8: rule(
    'server',
    'conformance',
    'A response instead of `take()` MUST be sent like any other: it refuses the upgrade, and the connection may be closed',
    'behind it.',
  ),
};

/** Checks the offer of an upgrade (F1). */
export function checkUpgrade(request: GatewayRequest, report: Report): void {
  const problem = upgradeProblem(request);
  if (problem !== undefined) report.broken('F1', problem);
}

function upgradeProblem({ upgrade, headers, body }: GatewayRequest): string | undefined {
  if (upgrade === null) return undefined;
  if (typeof upgrade !== 'object') return `request.upgrade is ${show(upgrade)}`;
  const { protocol, head, take } = upgrade;
  if (protocol !== 'websocket') return `request.upgrade.protocol is ${show(protocol)}`;
  if (!(head instanceof Uint8Array)) return `request.upgrade.head is ${show(head)}`;
  if (typeof take !== 'function') return `request.upgrade.take is ${show(take)}`;
  if (listProblem(headers, '') === undefined && header(headers, 'upgrade') === undefined) {
    return 'request.upgrade is offered without the field upgrade';
  }
  if (body !== null) return 'request.upgrade is offered to a request with a body';
}

/** Why `socket` is not a raw one (F4). */
function socketProblem(socket: unknown): string | undefined {
  if (typeof socket !== 'object' || socket === null) return `upgrade.take() returned ${show(socket)}`;
  for (const name of ['write', 'end', 'destroy', 'on', 'once', 'removeListener'] as const) {
    const method = (socket as Partial<RawSocket>)[name];
    if (typeof method !== 'function') return `upgrade.take() returned a socket with ${show(method)} as ${name}`;
  }
  const { destroyed } = socket as Partial<RawSocket>;
  if (typeof destroyed !== 'boolean') return `upgrade.take() returned a socket with ${show(destroyed)} as destroyed`;
}

/** The offer of an upgrade, watched on both sides. */
export class LintedUpgrade implements Upgrade {
  readonly #upgrade: Upgrade;
  readonly #report: Report;
  /** Set when `handle` has resolved. */
  answered = false;
  /** Whether the application has called `take()`. */
  taken = false;
  /** What `take()` gave. */
  socket: RawSocket | undefined;

  constructor(upgrade: Upgrade, report: Report) {
    this.#upgrade = upgrade;
    this.#report = report;
  }

  get protocol(): string {
    return this.#upgrade.protocol;
  }

  get head(): Uint8Array {
    return this.#upgrade.head;
  }

  take(): RawSocket {
    if (this.taken) this.#report.broken('F3', 'the application called take() a second time');
    else if (this.answered) this.#report.broken('F3', 'the application called take() after handle had resolved');
    this.taken = true;
    const socket = this.#upgrade.take();
    const problem = socketProblem(socket);
    if (problem === undefined) this.socket = socket;
    else this.#report.broken('F4', problem);
    return socket;
  }
}
