import {
  type AppendEntriesResult,
  assert,
  type Entry,
  LIMITS,
  type LogIndex,
  type Term,
} from '../base/index.ts';
import type { Core } from './core.ts';
import type { Leadership } from './leadership.ts';
import { KEEPALIVE_INDEX } from './nonce.ts';
import type { Progress } from './progress.ts';

/** A follower that took a snapshot completely must answer within this time. */
const SNAPSHOT_ANSWER_MS = 30_000;
/** Pause after a snapshot that failed. */
const SNAPSHOT_RETRY_MS = 1_000;

/** Sends an AppendEntries without entries. */
function sendEmpty(core: Core, progress: Progress, previous: number, previousTerm: Term): void {
  core.post(progress.id, progress.address, {
    type: 'append-entries',
    term: core.term,
    previousIndex: previous as LogIndex,
    previousTerm,
    commit: core.commit,
    entries: [],
  });
}

/** Sends an AppendEntries without entries by which a follower can find that it lacks something. */
function sendComparison(
  core: Core,
  progress: Progress,
  previous: LogIndex,
  previousTerm: Term,
): void {
  progress.sentAt = core.now;
  progress.comparedAt = core.now;
  progress.commitSent = core.commit;
  sendEmpty(core, progress, previous, previousTerm);
}

/**
 * Sends a question whose answer can be told apart; see nonce.ts. For one that lacks nothing, or is only asked whether it lives, it is the
 * heartbeat too. The others keep theirs, by which losses are found.
 */
export function sendQuestion(core: Core, progress: Progress, index: number): void {
  const { state, waiting } = progress;
  if (isSettled(core, progress) || (state === 'probe' && waiting)) progress.sentAt = core.now;
  sendEmpty(core, progress, index, core.term);
}

function sendKeepalive(core: Core, progress: Progress): void {
  progress.sentAt = core.now;
  sendEmpty(core, progress, KEEPALIVE_INDEX, core.term);
}

/**
 * Whether a follower needs no more than to hear that the leader lives: it has everything and was told so. Not for long, because it may have
 * been restarted since, and then it knows nothing of what is committed.
 */
function isSettled(core: Core, progress: Progress): boolean {
  return (
    progress.state === 'pipeline' &&
    progress.match === core.log.lastIndex &&
    progress.commitSent >= core.commit &&
    core.now - progress.comparedAt < core.electionTimeoutMs
  );
}

/** Whether the log begins too late to send the entry: neither it may be missing, nor the term of the one before it. */
function isDropped({ log }: Core, next: LogIndex): boolean {
  return next < log.firstIndex || log.termOf((next - 1) as LogIndex) === undefined;
}

/** Sends the entries from `next` on in one message; false when they must be read first, or a snapshot is needed instead. */
function sendEntries(core: Core, progress: Progress): boolean {
  const { log } = core;
  const { next } = progress;
  if (isDropped(core, next)) {
    sendSnapshot(core, progress);
    return false;
  }
  if (next > log.lastIndex) {
    sendBatch(core, progress, []);
    return true;
  }
  if (next < log.hotIndex) {
    fetchEntries(core, progress);
    return false;
  }
  const { appendEntriesBytes, appendEntriesCount } = LIMITS;
  const end = log.batchEnd(next, appendEntriesBytes, appendEntriesCount);
  sendBatch(core, progress, log.slice(next, end));
  return true;
}

/** Sends entries that begin at `next`, none perhaps. */
function sendBatch(core: Core, progress: Progress, entries: readonly Entry[]): void {
  const previousIndex = (progress.next - 1) as LogIndex;
  const previousTerm = core.log.termOf(previousIndex);
  assert(previousTerm !== undefined, 'the entry before those that are sent is unknown');
  const end = (previousIndex + entries.length) as LogIndex;
  progress.sentAt = core.now;
  progress.comparedAt = core.now;
  if (progress.state === 'probe') progress.probed(end, core.now);
  // A C follower would commit leftovers of older terms above the end of the message.
  const commit = progress.clean ? core.commit : (Math.min(core.commit, end) as LogIndex);
  progress.commitSent = commit;
  core.post(progress.id, progress.address, {
    type: 'append-entries',
    term: core.term,
    previousIndex,
    previousTerm,
    commit,
    entries,
  });
  if (progress.state === 'pipeline' && entries.length > 0) {
    let bytes = 0;
    for (const entry of entries) bytes += entry.data.length;
    progress.sent(end, bytes);
  }
}

/** The entries from `next` on are on disk only. */
function fetchEntries(core: Core, progress: Progress): void {
  if (progress.fetching !== undefined) return;
  const { next } = progress;
  const { appendEntriesBytes: bytesMax, appendEntriesCount } = LIMITS;
  const last = Math.min(core.log.hotIndex - 1, next + appendEntriesCount - 1) as LogIndex;
  progress.fetching = next;
  core.effect({ kind: 'fetch-entries', to: progress.id, first: next, last, bytesMax });
}

/** Entries were read from the disk, or could not be. */
export function onFetched(
  core: Core,
  progress: Progress,
  first: LogIndex,
  entries: readonly Entry[] | undefined,
): void {
  if (progress.fetching !== first) return;
  progress.fetching = undefined;
  if (progress.next !== first || isDropped(core, first)) {
    progress.waiting = false;
    replicate(core, progress);
  } else if (entries === undefined) notFetched(core, progress, first);
  else {
    assert(entries.length > 0, 'nothing was read');
    for (let i = 0; i < entries.length; i++) {
      const same = core.log.termOf((first + i) as LogIndex) === entries[i].term;
      assert(same, () => `entry ${first + i} on disk has another term`);
    }
    sendBatch(core, progress, entries);
    if (progress.state === 'pipeline') replicate(core, progress);
  }
}

/** Perhaps the disk made room at the expense of what a snapshot covers. Otherwise it is tried again later. */
function notFetched(core: Core, progress: Progress, first: LogIndex): void {
  const { snapshot } = core;
  if (snapshot !== undefined && first <= snapshot.index) {
    sendSnapshot(core, progress);
    return;
  }
  progress.toProbe(first);
  progress.waiting = true;
  progress.probeSentAt = core.now;
}

/** The follower needs entries that are not in the log any more. */
function sendSnapshot(core: Core, progress: Progress): void {
  const { snapshot } = core;
  assert(snapshot !== undefined, 'entries are missing and there is no snapshot');
  const { heardAt } = progress;
  const alive = heardAt !== undefined && core.now - heardAt <= core.electionTimeoutMs;
  if (alive && core.now >= progress.snapshotRetryAt && snapshot.index >= progress.match) {
    progress.toSnapshot(snapshot.index);
    core.effect({ kind: 'send-snapshot', to: progress.id, address: progress.address });
  } else {
    if (progress.state !== 'probe') progress.toProbe((progress.match + 1) as LogIndex);
    progress.waiting = true;
    progress.probeSentAt = Number.NEGATIVE_INFINITY;
  }
  if (core.now - progress.sentAt >= core.heartbeatMs) sendKeepalive(core, progress);
}

/** Sends what the follower lacks, as far as its state and its window allow. */
export function replicate(core: Core, progress: Progress): void {
  if (progress.state === 'snapshot') return;
  if (progress.state === 'probe') {
    if (progress.waiting) return;
    progress.waiting = true;
    sendEntries(core, progress);
    return;
  }
  while (progress.next <= core.log.lastIndex && !progress.windowFull) {
    if (!sendEntries(core, progress)) return;
  }
}

export function replicateToAll(core: Core, leadership: Leadership): void {
  for (const progress of leadership.followers) replicate(core, progress);
}

/** Nothing was sent for a heartbeat interval: keep the follower from campaigning, find losses. */
export function heartbeat(core: Core, progress: Progress): void {
  if (progress.state === 'snapshot') {
    const handed = progress.snapshotHandedAt;
    if (handed === undefined || core.now - handed < SNAPSHOT_ANSWER_MS) {
      sendKeepalive(core, progress);
      return;
    }
    progress.toProbe((progress.match + 1) as LogIndex);
  }
  if (progress.state === 'probe') {
    // Unanswered: ask first whether it lives; its answer releases the next probe.
    if (progress.waiting) sendKeepalive(core, progress);
    else replicate(core, progress);
    return;
  }
  const previous = (progress.next - 1) as LogIndex;
  const previousTerm = core.log.termOf(previous);
  if (previousTerm === undefined) sendSnapshot(core, progress);
  else {
    sendComparison(core, progress, previous, previousTerm);
  }
}

/** An idle follower learns a commit index so late at most: the next entries, which tell it too, are mostly sooner. */
const COMMIT_NOTICE_MS = 2;

/** Sees to it that idle followers learn the commit index. */
export function tellCommit(core: Core, leadership: Leadership): void {
  if (!leadership.followers.some((progress) => isToBeTold(core, progress))) {
    leadership.noticeAt = Number.POSITIVE_INFINITY;
  } else if (core.transfer !== undefined || core.now >= leadership.noticeAt) {
    leadership.noticeAt = Number.POSITIVE_INFINITY;
    pushCommit(core, leadership, false);
  } else leadership.noticeAt = Math.min(leadership.noticeAt, core.now + COMMIT_NOTICE_MS);
}

function isToBeTold(core: Core, progress: Progress): boolean {
  return progress.state === 'pipeline' && progress.commitSent < core.commit && progress.idle;
}

/** Tells followers a commit index that they do not know yet, without entries. */
export function pushCommit(core: Core, leadership: Leadership, evenBusy: boolean): void {
  for (const progress of leadership.followers) {
    if (progress.state !== 'pipeline' || progress.commitSent >= core.commit) continue;
    if (!evenBusy && !progress.idle) continue;
    const previous = (progress.next - 1) as LogIndex;
    const previousTerm = core.log.termOf(previous);
    if (previousTerm === undefined) continue;
    sendComparison(core, progress, previous, previousTerm);
  }
}

/**
 * The answer to a nonce shows that the follower lives: a lost probe is repeated. Not at once, because most are
 * not lost: the follower answers new entries when they are durable, and a probe can be as long as the log.
 */
export function onAlive(core: Core, progress: Progress): void {
  if (progress.state !== 'probe' || !progress.waiting) return;
  if (core.now - progress.probeSentAt < core.electionTimeoutMs) return;
  progress.waiting = false;
  replicate(core, progress);
}

/** A result with `rejected` set to an index that the log could have. */
export function onRejected(core: Core, progress: Progress, result: AppendEntriesResult): void {
  const { rejected, lastIndex } = result;
  if (progress.state === 'snapshot') {
    if (rejected === progress.snapshotIndex) snapshotFailed(core, progress);
    return;
  }
  if (rejected <= progress.match) return;
  if (progress.state === 'probe' && rejected !== progress.next - 1) return;
  const next = Math.max(progress.match + 1, Math.min(rejected, lastIndex + 1));
  if (next >= progress.next) return;
  progress.toProbe(next as LogIndex);
  replicate(core, progress);
}

/**
 * A success; answers whether the match index grew. A C follower reports its whole log as matching, with leftovers of older terms that were
 * never compared (raft-rpc.md §8, note for step 7). Until it accepted a message that reaches the first entry of this term, which makes
 * it cut them, what it reports counts only as far as the message went; and since a message may be sent and answered twice, as far as the
 * one that ended lowest of those which it may be answering. What is sent next follows the newest message all the same, because it seems to be
 * there; else each answer that was ever lost would delay every message by a round trip. If it is not there, the next one is refused.
 */
export function onMatched(
  core: Core,
  leadership: Leadership,
  progress: Progress,
  lastIndex: LogIndex,
): boolean {
  const compared = progress.clean ? core.log.lastIndex : progress.answered(lastIndex);
  const grew = progress.matched(Math.min(lastIndex, compared, core.log.lastIndex) as LogIndex);
  if (progress.state === 'snapshot') {
    if (progress.match >= progress.snapshotIndex)
      progress.toProbe((progress.match + 1) as LogIndex);
  } else if (progress.state === 'probe') {
    if (progress.clean || compared >= leadership.firstIndex) progress.toPipeline();
    // What is on its way to its disk will be answered.
    else if (compared > 0 && progress.match >= compared && lastIndex >= progress.probeEnd) {
      progress.toProbe((Math.max(progress.match, progress.probeEnd) + 1) as LogIndex);
    }
  }
  return grew;
}

/** Sending a snapshot ended without success. */
export function snapshotFailed(core: Core, progress: Progress): void {
  if (progress.state !== 'snapshot') return;
  progress.toProbe((progress.match + 1) as LogIndex);
  progress.waiting = true;
  progress.snapshotRetryAt = core.now + Math.max(SNAPSHOT_RETRY_MS, core.electionTimeoutMs);
}

/** The connection to a follower broke: what was in flight may be lost. */
export function onUnreachable(core: Core, progress: Progress): void {
  if (progress.state === 'snapshot') return;
  // What a probe has found so far stays true: after an election nothing is matched yet, and it would begin
  // again at the first entry.
  const next = progress.state === 'probe' ? progress.next : progress.match + 1;
  progress.toProbe(next as LogIndex);
  // Not at once: the same connection would fail again.
  progress.waiting = true;
  progress.sentAt = core.now;
}

/** When `heartbeat` is due for this follower. */
export function heartbeatAt(core: Core, progress: Progress): number {
  return progress.sentAt + core.heartbeatMs;
}
