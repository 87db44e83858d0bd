// Middleware that tells the client the id of its request, so that what it reports can be found in the logs.

import { type Middleware, mapResponse, wrap } from './compose.ts';
import { TsgiError } from './errors.ts';
import { header, isToken } from './headers.ts';

export interface RequestIdOptions {
  /** The response field that carries the id, as it is spelled on the wire. Default `x-request-id`. */
  readonly header?: string;
}

/**
 * Puts `request.id` on every response whose application did not set that field itself. The id is the gateway's: taken
 * from a trusted proxy, or made by the adapter. Throws `TSGI_ERR_OPTION` where the header is not a field name.
 */
export function requestId(options: RequestIdOptions = {}): Middleware {
  const { header: spelled = 'x-request-id' } = options;
  if (!isToken(spelled)) {
    throw new TsgiError('TSGI_ERR_OPTION', {
      option: 'header',
      value: JSON.stringify(spelled),
      expected: 'a field name, such as x-request-id',
    });
  }
  const name = spelled.toLowerCase();
  return (next) =>
    wrap(next, (request, context) =>
      mapResponse(next.handle(request, context), ({ headers }) =>
        header(headers, name) === undefined ? { headers: [...headers, spelled, request.id] } : {},
      ),
    );
}
