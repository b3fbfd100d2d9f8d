import type { LogIndex, NodeId } from '../base/index.ts';
import type { ChangeError } from './contract.ts';
import type { Core } from './core.ts';
import type { Leadership } from './leadership.ts';
import type { Progress } from './progress.ts';
import { replicate } from './replication.ts';

function finish(core: Core, tag: number, error: ChangeError | undefined): void {
  core.effect({ kind: 'transfer-finished', tag, error });
}

/** The voter with the longest log among those that were heard lately; else any other voter. */
function chooseTarget(core: Core, leadership: Leadership): NodeId {
  let target = 0n;
  let best = -1;
  for (const progress of leadership.followers) {
    if (!core.configurations.isVoter(progress.id)) continue;
    const { heardAt } = progress;
    const alive = heardAt !== undefined && core.now - heardAt <= core.electionTimeoutMs;
    const score = alive ? progress.match + 1 : 0;
    if (score > best) {
      best = score;
      target = progress.id;
    }
  }
  return target;
}

/** Starts handing leadership over (thesis §3.10); `target` 0n = the core chooses. */
export function startTransfer(core: Core, target: NodeId, tag: number): void {
  const { leadership } = core;
  if (leadership === undefined || core.transfer !== undefined) {
    finish(core, tag, 'not-leader');
    return;
  }
  const chosen = target === 0n ? chooseTarget(core, leadership) : target;
  if (chosen === 0n) {
    finish(core, tag, 'not-found');
    return;
  }
  const progress = leadership.progress.get(chosen);
  if (progress === undefined || !core.configurations.isVoter(chosen)) {
    finish(core, tag, 'bad-id');
    return;
  }
  const deadline = core.now + core.electionTimeoutMs;
  core.transfer = { target: chosen, tag, term: core.term, deadline, timeoutNowSent: false };
  replicate(core, progress);
  transferProgressed(core, leadership);
}

/** Sends TimeoutNow once the target has the whole log. */
export function transferProgressed(core: Core, leadership: Leadership): void {
  const { transfer } = core;
  if (transfer === undefined || transfer.timeoutNowSent) return;
  const progress = leadership.progress.get(transfer.target);
  const { lastIndex, lastTerm } = core.log;
  if (progress === undefined || progress.match !== lastIndex) return;
  transfer.timeoutNowSent = true;
  leadership.timeoutNow.set(transfer.target, lastIndex);
  core.post(progress.id, progress.address, {
    type: 'timeout-now',
    term: core.term,
    lastIndex,
    lastTerm,
  });
}

/** After having given leadership away a node does not do it again for so many election timeouts: all disks may be full. */
const ABDICATION_PAUSE = 10;

/**
 * A leader that cannot write is about to step down (S10): the voter that will have most of the log stands for election at once,
 * instead of after an election timeout. It has no effect on a voter whose log ends elsewhere. Call it before stepping down.
 */
export function abdicate(core: Core, leadership: Leadership): void {
  if (core.now - core.abdicatedAt < ABDICATION_PAUSE * core.electionTimeoutMs) return;
  let best: { readonly progress: Progress; readonly end: LogIndex } | undefined;
  for (const progress of leadership.followers) {
    const { heardAt, state, next, match } = progress;
    const alive = heardAt !== undefined && core.now - heardAt <= core.electionTimeoutMs;
    if (!alive || !core.configurations.isVoter(progress.id)) continue;
    // What was sent arrives before this message.
    const end = (state === 'pipeline' ? next - 1 : match) as LogIndex;
    if (best === undefined || end > best.end) best = { progress, end };
  }
  if (best === undefined) return;
  const { progress, end } = best;
  const lastTerm = core.log.termOf(end);
  if (lastTerm === undefined) return;
  core.abdicatedAt = core.now;
  const { term } = core;
  core.post(progress.id, progress.address, { type: 'timeout-now', term, lastIndex: end, lastTerm });
}

/** An old TimeoutNow has no effect on a target whose log went on (M7). */
export function forgetTimeoutNow(leadership: Leadership): void {
  const { timeoutNow } = leadership;
  if (timeoutNow.size === 0) return;
  for (const [target, index] of timeoutNow) {
    const match = leadership.progress.get(target)?.match ?? 0;
    if (match > index) timeoutNow.delete(target);
  }
}

/** Ends a transfer when its result is known, or its time is over. */
export function checkTransfer(core: Core): void {
  const { transfer } = core;
  if (transfer === undefined) return;
  const failed = (): void => {
    core.transfer = undefined;
    finish(core, transfer.tag, 'transfer-failed');
  };
  if (core.role === 'leader') {
    const again = core.term !== transfer.term;
    if (again || core.now >= transfer.deadline || !core.configurations.isVoter(transfer.target)) {
      failed();
    }
  } else if (core.leader === transfer.target) {
    core.transfer = undefined;
    finish(core, transfer.tag, undefined);
  } else if (core.leader !== 0n || core.now >= transfer.deadline) failed();
}
