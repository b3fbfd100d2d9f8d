import { assert, LIMITS, type LogIndex, type NodeId } from '../base/index.ts';
import { UnansweredProbes } from './unanswered-probes.ts';

/** Messages with entries in flight to one follower, at most; larger numbers only coalesce later. */
const MESSAGES_IN_FLIGHT_MAX = 256;

/**
 * What the leader knows of one other member.
 *
 * - `probe`: it is not known where the logs part; one message at a time.
 * - `pipeline`: entries are sent without waiting for answers, within the window.
 * - `snapshot`: the follower is behind the tail and receives a snapshot.
 *
 * Invariant: 0 ≤ match < next.
 */
export class Progress {
  readonly id: NodeId;
  readonly address: string;
  match = 0 as LogIndex;
  next: LogIndex;
  state: 'probe' | 'pipeline' | 'snapshot' = 'probe';
  /** When something was last heard in this leadership. */
  heardAt: number | undefined;
  heardSinceCheck = false;
  /** When anything was last sent. */
  sentAt = Number.NEGATIVE_INFINITY;
  /** When a message was last sent that names an entry of the log before it. */
  comparedAt = Number.NEGATIVE_INFINITY;
  /** A probe was sent and not answered. */
  waiting = false;
  /** Where that probe ended. */
  probeEnd = 0 as LogIndex;
  /** When that probe was sent; −∞ = it may be sent at once. */
  probeSentAt = Number.NEGATIVE_INFINITY;
  /** It accepted a message that reached the first entry of this term, so that nothing of its log contradicts the leader's. */
  clean = false;
  readonly #probes = new UnansweredProbes();
  /** Newest read round that it answered. */
  round = 0;
  /** Commit index in the newest message sent. */
  commitSent = 0 as LogIndex;
  /** The first of the entries that are being read from the disk for it. */
  fetching: LogIndex | undefined;
  /** In state snapshot: the index that its answer must reach. */
  snapshotIndex = 0 as LogIndex;
  /** When the snapshot was handed over completely; undefined while it is being sent. */
  snapshotHandedAt: number | undefined;
  /** No other snapshot is sent before. */
  snapshotRetryAt = Number.NEGATIVE_INFINITY;
  readonly #lasts: number[] = [];
  readonly #sizes: number[] = [];
  #bytesInFlight = 0;

  constructor(id: NodeId, address: string, next: LogIndex) {
    assert(next >= 1, 'next begins at 1');
    this.id = id;
    this.address = address;
    this.next = next;
  }

  get windowFull(): boolean {
    return (
      this.#bytesInFlight >= LIMITS.replicationWindowBytes ||
      this.#lasts.length >= MESSAGES_IN_FLIGHT_MAX
    );
  }

  get idle(): boolean {
    return this.#lasts.length === 0;
  }

  /** A message with entries up to `last`, none perhaps, was sent to find out where the logs part. */
  probed(last: LogIndex, now: number): void {
    this.probeEnd = last;
    this.probeSentAt = now;
    if (!this.clean) this.#probes.sent(last);
  }

  /** While not clean: a success came that reports so much; it stands for entries up to here at most. */
  answered(reported: LogIndex): LogIndex {
    return this.state === 'snapshot'
      ? this.snapshotIndex
      : (this.#probes.answered(reported) as LogIndex);
  }

  /** A message with entries up to `last` was sent in the pipeline. */
  sent(last: LogIndex, bytes: number): void {
    assert(this.state === 'pipeline' && last >= this.next, 'sent outside the pipeline');
    this.#lasts.push(last);
    this.#sizes.push(bytes);
    this.#bytesInFlight += bytes;
    this.next = (last + 1) as LogIndex;
  }

  /** The follower has everything up to `index`; answers whether that is news. */
  matched(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = (index + 1) as LogIndex;
    let count = 0;
    while (count < this.#lasts.length && this.#lasts[count] <= index) {
      this.#bytesInFlight -= this.#sizes[count++];
    }
    if (count > 0) {
      this.#lasts.splice(0, count);
      this.#sizes.splice(0, count);
    }
    return true;
  }

  toProbe(next: LogIndex): void {
    assert(next > this.match, () => `next ${next} is not above match ${this.match}`);
    this.state = 'probe';
    this.next = next;
    this.waiting = false;
    this.probeEnd = 0 as LogIndex;
    this.probeSentAt = Number.NEGATIVE_INFINITY;
    this.fetching = undefined;
    this.#clearWindow();
  }

  toPipeline(): void {
    assert(this.next > this.match, 'next is not above match');
    this.state = 'pipeline';
    this.waiting = false;
    this.clean = true;
    this.#probes.clear();
    this.#clearWindow();
  }

  toSnapshot(index: LogIndex): void {
    assert(index >= this.match, 'a snapshot behind what the follower has');
    this.state = 'snapshot';
    this.snapshotIndex = index;
    this.snapshotHandedAt = undefined;
    this.fetching = undefined;
    this.next = (Math.max(this.match, index) + 1) as LogIndex;
    this.#clearWindow();
  }

  #clearWindow(): void {
    this.#lasts.length = 0;
    this.#sizes.length = 0;
    this.#bytesInFlight = 0;
  }
}
