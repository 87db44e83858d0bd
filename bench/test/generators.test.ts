// What the load generators are given and what they print.

import t from 'tap';
import { readAutocannon } from '../src/generators/autocannon.ts';
import { parseWrk, script } from '../src/generators/wrk.ts';

const OUTPUT = `Running 10m test @ http://127.0.0.1:40123/hello
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.92ms    1.01ms  24.40ms   91.27%
    Req/Sec    16.90k     1.21k   19.10k    71.43%
  Latency Distribution
     50%    1.71ms
     75%    2.10ms
     90%    2.70ms
     99%    6.33ms
  35204 requests in 2.10s, 5.87MB read
Requests/sec:  16763.52
Transfer/sec:      2.79MB
`;

t.test('the report of wrk is read', async (t) => {
  t.same(parseWrk(OUTPUT), { requests: 35204, perSecond: 16763.52, p99: 6.33, errors: 0 });
});

t.test('latencies of wrk are milliseconds, whatever the unit they are printed in', async (t) => {
  t.equal(parseWrk(OUTPUT.replace('6.33ms', '633.00us')).p99, 0.633);
  t.equal(parseWrk(OUTPUT.replace('6.33ms', '1.50s')).p99, 1500);
});

t.test('broken connections, time-outs and wrong statuses are errors', async (t) => {
  const bad = OUTPUT.replace(
    'Requests/sec',
    '  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\nRequests/sec',
  );
  t.equal(parseWrk(bad).errors, 54321);
});

t.test('a load without a single answer has no latency', async (t) => {
  const nothing = OUTPUT.replace('35204 requests', '0 requests').replace('6.33ms', '0.00us');
  t.match(parseWrk(nothing), { requests: 0, p99: Number.NaN });
});

t.test('what is not a report is an error that shows it', async (t) => {
  t.throws(() => parseWrk('unable to connect to 127.0.0.1:1 Connection refused\n'), /unable to connect/);
  t.throws(() => parseWrk(''), /nothing printed/);
});

t.test('a body reaches wrk byte for byte', async (t) => {
  const lua = script([{ method: 'POST', path: '/upload', body: '{"a":"line\\n\\"end\\"","b":"two\nlines"}' }]);
  t.match(lua, 'wrk.method = "POST"');
  t.match(lua, 'wrk.body = "{\\34a\\34:\\34line\\92n\\92\\34end\\92\\34\\34,\\34b\\34:\\34two\\10lines\\34}"');
});

t.test('several requests are built once and sent in turn', async (t) => {
  const lua = script([
    { method: 'GET', path: '/hello' },
    { method: 'POST', path: '/upload', body: '{}' },
  ]);
  t.match(lua, 'wrk.format("GET", "/hello", {}, nil)');
  t.match(lua, 'wrk.format("POST", "/upload", { ["Content-Type"] = "application/json" }, "{}")');
});

t.test('the result of autocannon is read', async (t) => {
  const result = { requests: { total: 100 }, duration: 2, latency: { p99: 12 }, errors: 2, non2xx: 3 };
  t.same(readAutocannon(result), { requests: 100, perSecond: 50, p99: 12, errors: 5 });
  t.match(readAutocannon({ ...result, requests: { total: 0 } }), { p99: Number.NaN });
});
