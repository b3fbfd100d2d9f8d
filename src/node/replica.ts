import {
  type Clock,
  type Entry,
  type LogIndex,
  logIndex,
  type Port,
  type Term,
} from '../base/index.ts';
import type { FromMachine, ToMachine } from '../machine/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import { decodeConfiguration } from '../wire/index.ts';
import { FateBook } from './fate.ts';
import { Feed } from './feed.ts';
import { Freshness } from './freshness.ts';
import { History } from './history.ts';
import { IndexWaiters } from './index-waiters.ts';

/** What this node knows of committed and applied entries. */
export class Replica {
  readonly fates = new FateBook();
  readonly history: History;
  readonly feed: Feed;
  readonly applied: IndexWaiters;
  /** Judged by what the leader says of itself. */
  readonly freshness = new Freshness();
  /** Judged by answers to questions that were asked here, or by read rounds. */
  readonly proof = new Freshness();
  readonly #clock: Clock;

  constructor(
    port: Port<ToMachine, FromMachine>,
    snapshot: SnapshotInfo | undefined,
    clock: Clock,
  ) {
    const index = snapshot?.index ?? logIndex(0);
    this.history = new History(snapshot);
    this.feed = new Feed(port, index);
    this.applied = new IndexWaiters(index);
    this.#clock = clock;
  }

  /** The entry was committed; `published`: it is a live seal, which the machine has already. */
  commit(index: LogIndex, entry: Entry, currentTerm: Term, published: boolean): void {
    this.history.note(index, entry, decodeConfiguration);
    this.fates.commit(index, entry.term, currentTerm);
    if (published) this.feed.skip(index);
    else this.feed.push(index, entry);
  }

  /** The leader told its commit index. */
  heard(commit: LogIndex): void {
    this.freshness.heard(commit, this.applied.index, this.#clock.now());
  }

  /** The leader, perhaps this node, was asked at `at` and named `index`: what was committed then is at or below it. */
  proven(index: LogIndex, at: number): void {
    this.freshness.heard(index, this.applied.index, at);
    this.proof.heard(index, this.applied.index, at);
  }

  /** The machine has applied up to `index`. */
  advance(index: LogIndex): void {
    this.feed.applied(index);
    this.freshness.applied(index);
    this.proof.applied(index);
    this.applied.advance(index);
  }

  /** Machine and disk were brought to a snapshot of the leader. */
  installed(info: SnapshotInfo): void {
    this.history.restart(info);
    this.fates.snapshot(info.index, info.term);
    this.feed.resume(info.index);
    this.advance(info.index);
  }

  /** The same by what was asked for here, whatever time messages take; what the leader tells by itself may have been under way for long. */
  provenAgeMs(): number {
    return this.proof.at(this.#clock.now(), this.applied.index).ageMs;
  }

  staleness(): { readonly ageMs: number; readonly lag: number } {
    return this.freshness.at(this.#clock.now(), this.applied.index);
  }
}
