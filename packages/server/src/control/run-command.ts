// What each command of the control socket does with the arbiter.

import type { Arbiter } from '../arbiter/arbiter.ts';
import {
  ControlError,
  type ControlRequest,
  type LastReload,
  type Progress,
  type ReloadDone,
  type Result,
  type ScaleDone,
} from './protocol.ts';

/** Runs one command. `tell` takes a line of progress. Rejects with a {@link ControlError} that the client is told. */
export async function runCommand(
  request: ControlRequest,
  arbiter: Arbiter,
  lastReload: LastReload | null,
  tell: (progress: Progress) => void,
): Promise<Result<ControlRequest['command']>> {
  const { command } = request;
  const args = request.arguments as Record<string, unknown> | undefined;
  switch (command) {
    case 'status':
      return { ...arbiter.status(), lastReload };
    case 'reopen':
      arbiter.reopen();
      return {};
    case 'stop':
      arbiter.stop(args?.fast === true ? 'fast' : 'graceful');
      await arbiter.over;
      return {};
    case 'reload':
      refuseWhenStopping(arbiter);
      return reload(arbiter, tell);
    case 'scale':
      refuseWhenStopping(arbiter);
      return scale(arbiter, args?.workers as number, tell);
    case 'kill':
      refuseWhenStopping(arbiter);
      return kill(arbiter, args?.worker as number);
  }
}

async function reload(arbiter: Arbiter, tell: (progress: Progress) => void): Promise<ReloadDone> {
  const { state, workers } = arbiter.status();
  const { maxDraining } = arbiter.setup.settings;
  const draining = workers.filter((worker) => worker.state === 'draining').length;
  if (draining >= maxDraining) {
    tell({ step: 'waits', reason: `${draining} workers still drain, and --max-draining is ${maxDraining}` });
  }
  if (state === 'reloading') tell({ step: 'waits', reason: 'a reload is under way; this one follows it' });
  if (state === 'starting') tell({ step: 'waits', reason: 'the server is still starting' });
  const result = await arbiter.reload();
  refuseWhenStopping(arbiter);
  if (!result.ok) {
    throw new ControlError(
      'reload_failed',
      `the reload failed, generation ${result.generation} serves on: ${result.reason}`,
    );
  }
  return { generation: result.generation, ...count(arbiter) };
}

async function scale(arbiter: Arbiter, workers: number, tell: (progress: Progress) => void): Promise<ScaleDone> {
  if (arbiter.status().state === 'starting') tell({ step: 'waits', reason: 'the server is still starting' });
  await arbiter.scale(workers);
  refuseWhenStopping(arbiter);
  const done = count(arbiter);
  const { wanted, state } = arbiter.status();
  if (wanted !== workers) {
    throw new ControlError('scale_incomplete', `somebody else has changed the number of workers to ${wanted}`);
  }
  // A reload that is under way brings a generation of the new number.
  if (done.accepting < workers && state !== 'reloading') {
    throw new ControlError(
      'scale_incomplete',
      `${done.accepting} of ${workers} workers accept; the missing ones are tried again`,
    );
  }
  return done;
}

function kill(arbiter: Arbiter, number: number): Result<'kill'> {
  const { workers, generation } = arbiter.status();
  const there = workers.filter((worker) => worker.generation === generation && worker.state !== 'draining');
  const worker = there.find((candidate) => candidate.worker === number);
  if (worker === undefined || !arbiter.kill(number)) {
    const numbers = there.map((candidate) => candidate.worker).join(', ') || 'none';
    throw new ControlError('no_such_worker', `there is no worker ${number}; the workers are: ${numbers}`);
  }
  return { pid: worker.pid };
}

function count(arbiter: Arbiter): ScaleDone {
  const { workers, generation } = arbiter.status();
  return {
    accepting: workers.filter((worker) => worker.generation === generation && worker.state === 'accepting').length,
    draining: workers.filter(({ state }) => state === 'draining').length,
  };
}

function refuseWhenStopping(arbiter: Arbiter): void {
  const { state, workers } = arbiter.status();
  if (state !== 'draining') return;
  const left = workers.length === 1 ? '1 worker has' : `${workers.length} workers have`;
  throw new ControlError('stopping', `the server is stopping; ${left} yet to leave`);
}
