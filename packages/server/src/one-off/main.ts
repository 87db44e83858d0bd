// A one-off process: loads and starts the application as a worker does, sends it one request or none, and stops it. It
// listens nowhere. one-off.ts starts it, and keeps its standard output apart from the answer.

import { type Injected, inject } from '@tsgi/adapter-inject';
import { explainFailure } from '../load/explain-failure.ts';
import { loadApplication } from '../load/load.ts';
import { createLog } from '../logs/log.ts';
import { dress, translationOf } from '../worker/dress.ts';
import type { FromOneOff, OneOffRequest, Order, Reply } from './messages.ts';

type Phase = (FromOneOff & { type: 'failed' })['phase'];

function send(message: FromOneOff): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

/** What `promise` resolves to; where it rejects, the end of this process. */
async function step<T>(phase: Phase, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    await send({ type: 'failed', phase, ...explainFailure(error) });
    process.exit(1);
  }
}

async function run({ settings, request }: Order): Promise<void> {
  const { application, kind } = await step('load', loadApplication(settings.app ?? '', process.cwd()));
  const options = {
    name: settings.name,
    // No worker's number: what only the first of several workers does, such as scheduled jobs, is not done here.
    worker: 0,
    log: createLog(settings, { worker: 0 }),
    ...translationOf(settings),
  };
  const injected = await step('start', inject(dress(application, settings), options));
  await send({ type: 'started', kind });
  if (request !== null) await send({ type: 'replied', reply: await step('answer', answer(injected, request)) });
  await injected.close();
  process.exit(0);
}

async function answer(injected: Injected, { method, path, headers, body }: OneOffRequest): Promise<Reply> {
  const names = [...new Set(headers.map(([name]) => name.toLowerCase()))];
  const valuesOf = (wanted: string): string | string[] => {
    const values = headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
    return values.length === 1 ? (values[0] as string) : values;
  };
  const response = await injected.request({
    method,
    url: path,
    headers: Object.fromEntries(names.map((name) => [name, valuesOf(name)])),
    ...(body !== null && { payload: Buffer.from(body) }),
  });
  return {
    status: response.statusCode,
    reason: response.statusMessage,
    headers: Object.entries(response.headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one) => [name, String(one)] as const),
    ),
    body: response.rawPayload,
  };
}

process.once('message', (order: Order) => void run(order));
// Whoever wanted the answer is gone.
process.once('disconnect', () => process.exit(1));
