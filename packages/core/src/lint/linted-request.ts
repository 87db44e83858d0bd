// The request that lint passes on: the server's, with every look at it checked. Nothing lazy is made that the application
// does not ask for.

import type { Address, Body, GatewayRequest, HeaderFields, HeaderList } from '../interface.ts';
import type { Report } from './report.ts';
import { checkRequest, fieldsProblem } from './request.ts';
import { checkRequestBody, checkTrailers, LintedRequestBody } from './request-body.ts';
import { checkInform } from './response.ts';
import { isIterable } from './response-body.ts';
import { show } from './show.ts';
import { checkUpgrade, LintedUpgrade } from './upgrade.ts';

/** What holds for a request's whole life. */
type Constant = Exclude<keyof GatewayRequest, 'trailers' | 'inform'>;

/** A request, watched on both sides. Made when `handle` is called; checks then what costs nothing to look at. */
export class LintedRequest implements GatewayRequest {
  readonly #request: GatewayRequest;
  readonly #report: Report;
  /** What each property was when it was first read (B21). */
  readonly #first = new Map<Constant, unknown>();
  readonly #headersThen: HeaderList;
  readonly #body: Body | null;
  readonly #upgrade: LintedUpgrade | null;
  #signal: AbortSignal | undefined;
  #answered = false;

  constructor(request: GatewayRequest, report: Report) {
    this.#request = request;
    this.#report = report;
    const names = ['method', 'target', 'mountPath', 'httpVersion', 'scheme', 'host', 'headers'] as const;
    for (const name of [...names, 'client', 'peer', 'id', 'body', 'upgrade'] as const) this.#read(name);
    checkRequest(request, report);
    checkRequestBody(request, report);
    checkUpgrade(request, report);
    const { headers, body, upgrade } = request;
    this.#headersThen = Array.isArray(headers) ? [...headers] : [];
    this.#body = isIterable(body) ? new LintedRequestBody(body, headers, report) : body;
    this.#upgrade = upgrade ? new LintedUpgrade(upgrade, report) : null;
  }

  get method(): string {
    return this.#read('method');
  }
  get target(): string {
    return this.#read('target');
  }
  get mountPath(): string {
    return this.#read('mountPath');
  }
  get httpVersion(): '1.0' | '1.1' | '2.0' {
    return this.#read('httpVersion');
  }
  get scheme(): 'http' | 'https' {
    return this.#read('scheme');
  }
  get host(): string {
    return this.#read('host');
  }
  get headers(): HeaderList {
    return this.#read('headers');
  }
  get client(): Address {
    return this.#read('client');
  }
  get peer(): Address {
    return this.#read('peer');
  }
  get id(): string {
    return this.#read('id');
  }

  get fields(): HeaderFields {
    const known = this.#first.has('fields');
    const fields = this.#read('fields');
    // Only when it is first seen: from then on it is the handler's.
    const problem = known ? undefined : fieldsProblem(fields);
    if (problem !== undefined) this.#report.broken('B15', problem);
    return fields;
  }

  get body(): Body | null {
    this.#read('body');
    return this.#body;
  }

  get trailers(): HeaderList {
    const { trailers } = this.#request;
    checkTrailers(trailers, this.#body instanceof LintedRequestBody && this.#body.ended, this.#report);
    return trailers;
  }

  get signal(): AbortSignal {
    const signal = this.#read('signal');
    if (!(signal instanceof AbortSignal)) this.#report.broken('B20', `request.signal is ${show(signal)}`);
    else this.#signal = signal;
    return signal;
  }

  get upgrade(): LintedUpgrade | null {
    this.#read('upgrade');
    return this.#upgrade;
  }

  inform(status: 102 | 103, headers: HeaderList): void {
    checkInform(status, headers, this.#answered, this.#request, this.#report);
    this.#request.inform(status, headers);
  }

  /** Whether the signal, if the application asked for it, is aborted. */
  get aborted(): boolean {
    return this.#signal?.aborted ?? false;
  }

  /** Whether the client has left, asked of the server itself: only for the end of a worker, when laziness is over. */
  get abandoned(): boolean {
    return this.#request.signal?.aborted ?? false;
  }

  /** `handle` has resolved: what had to be done before is over. */
  answer(): void {
    this.#answered = true;
    if (this.#upgrade) this.#upgrade.answered = true;
    const { headers } = this.#request;
    const changed =
      Array.isArray(headers) &&
      (headers.length !== this.#headersThen.length || headers.some((element, i) => element !== this.#headersThen[i]));
    if (changed) this.#report.broken('B14', 'the application changed request.headers');
  }

  #read<Name extends Constant>(name: Name): GatewayRequest[Name] {
    const value = this.#request[name];
    if (!this.#first.has(name)) this.#first.set(name, value);
    else if (!Object.is(this.#first.get(name), value)) {
      this.#report.broken('B21', `request.${name} is another value than when it was first read`);
    }
    return value;
  }
}
