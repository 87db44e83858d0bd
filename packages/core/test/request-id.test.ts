// The id of a request on its response.

import t from 'tap';
import { createContext } from '../src/context.ts';
import { type Application, type HeaderList, type Outcome, TAKEN } from '../src/interface.ts';
import { requestId } from '../src/request-id.ts';
import { request, response } from './fixtures/request.ts';

const { context } = createContext();
const answering = (headers: HeaderList): Application => ({ handle: () => ({ status: 200, headers, body: null }) });

t.test('the response carries the id that the gateway gave the request', async (t) => {
  const application = requestId()(answering(['content-type', 'text/plain']));
  const { headers } = await response(application.handle(request({ id: 'abc-1' }), context));
  t.same(headers, ['content-type', 'text/plain', 'x-request-id', 'abc-1']);
});

t.test('it does so for a response that is promised', async (t) => {
  const application = requestId()({ handle: async () => ({ status: 200, headers: [], body: null }) });
  t.same((await response(application.handle(request(), context))).headers, ['x-request-id', 'request-1']);
});

t.test('an id that the application set itself stays, however it is spelled', async (t) => {
  const headers = ['X-Request-ID', 'its-own'];
  t.same((await response(requestId()(answering(headers)).handle(request(), context))).headers, headers);
});

t.test('a headers array that the application uses for every response does not grow', async (t) => {
  const headers = Object.freeze(['a', 'b']);
  const application = requestId()(answering(headers));
  await application.handle(request(), context);
  t.same((await response(application.handle(request(), context))).headers, ['a', 'b', 'x-request-id', 'request-1']);
});

t.test('the header can be another one, spelled as wanted', async (t) => {
  const application = requestId({ header: 'Correlation-Id' })(answering([]));
  t.same((await response(application.handle(request(), context))).headers, ['Correlation-Id', 'request-1']);
});

t.test('a header that is no field name is refused', async (t) => {
  t.throws(() => requestId({ header: 'request id' }), {
    code: 'TSGI_ERR_OPTION',
    message: 'the option header is "request id"',
    todo: 'give a field name, such as x-request-id',
  });
});

t.test('a socket that was taken has no response to carry the id', async (t) => {
  const application = requestId()({ handle: async (): Promise<Outcome> => TAKEN });
  t.equal(await application.handle(request(), context), TAKEN);
});
