import {
  DecodeError,
  type Entry,
  encodeConfiguration,
  logIndex,
  type NodeId,
  type RaftMessage,
  SeededRandom,
  term,
} from '../../../src/base/index.ts';
import { Raft, type RaftInput } from '../../../src/raft/index.ts';
import { RaftDecoder } from '../../../src/wire/index.ts';
import type { Target } from '../target.ts';
import { decoded, demand, randomOf } from './check.ts';
import { raftStreamTarget } from './raft-stream.ts';

const MEMBERS = [1n, 2n, 3n].map((id) => ({ id, address: `n${id}:1`, role: 'voter' as const }));
const STRANGER = 9n;
const ELECTION_MS = 1000;

/**
 * The core of node 1 of three, and peers that send whatever can be decoded: the members 2 and 3, and a stranger
 * who is no member. Malformed messages are refused with DecodeError. A stranger never moves the term of a node
 * that has a leader, and never stops it. (A forged message of a member can: nothing tells it from a real one.)
 */
export const raftCoreTarget: Target = {
  name: 'raft-core',
  corpus: (random) => raftStreamTarget.corpus(random),
  run(bytes) {
    const random = randomOf(bytes);
    const received: RaftMessage[] = [];
    const decoder = new RaftDecoder({
      message: (message) => received.push(message),
      payload: () => undefined,
    });
    decoded(() => decoder.write(bytes));
    const strangersOnly = random.uint32() % 2 === 0;
    const node = new Driver(random);
    if (strangersOnly) node.follow();
    for (const message of received) {
      const { term: before, leader, commit, lastIndex } = node.raft;
      const from = strangersOnly ? STRANGER : ([2n, 3n, STRANGER][random.uint32() % 3] ?? STRANGER);
      node.deliver(from, message);
      if (strangersOnly) {
        demand(node.raft.term === before, 'a stranger changed the term');
        demand(node.raft.leader === leader, 'a stranger changed the leader');
        demand(node.raft.lastIndex === lastIndex, 'a stranger changed the log');
        demand(!node.failed, 'a stranger stopped the node');
      }
      demand(node.raft.commit >= commit, 'the commit index falls');
      if (node.failed) return;
      if (random.uint32() % 4 === 0 && !strangersOnly) node.tick(random.uint32() % 2500);
    }
  },
};

/** Obeys the core as a node with a perfect disk does. */
class Driver {
  readonly raft: Raft;
  failed = false;
  #now = 10_000;

  constructor(random: SeededRandom) {
    const entries: Entry[] = [
      {
        term: term(1),
        type: 'configuration',
        data: encodeConfiguration({ members: MEMBERS }),
      },
      ...[1, 2, 3].map(
        (value): Entry => ({ term: term(value), type: 'command', data: new Uint8Array(8) }),
      ),
    ];
    this.raft = new Raft({
      id: 1n,
      address: 'n1:1',
      term: term(3),
      vote: 0n,
      snapshot: undefined,
      firstIndex: logIndex(1),
      entries,
      quarantined: false,
      electionTimeoutMs: ELECTION_MS,
      heartbeatMs: 100,
      leaseMs: 0.9 * ELECTION_MS,
      tailBytes: 1024 * 1024,
      random: new SeededRandom(random.uint32()),
      now: this.#now,
    });
    this.#step({ kind: 'tick', now: this.#now });
  }

  /** Node 2 leads and was heard just now. */
  follow(): void {
    const now = this.#now;
    const heartbeat = {
      type: 'append-entries',
      term: term(4),
      previousIndex: logIndex(4),
      previousTerm: term(3),
      commit: logIndex(4),
      entries: [],
    } as const;
    this.#step({ kind: 'receive', now, from: 2n, fromAddress: 'n2:1', message: heartbeat });
  }

  tick(passed: number): void {
    this.#now += passed;
    this.#step({ kind: 'tick', now: this.#now });
  }

  deliver(from: NodeId, message: RaftMessage): void {
    const now = this.#now;
    const fromAddress = `n${from}:1`;
    try {
      if (message.type === 'install-snapshot') {
        this.#step({ kind: 'install-offered', now, from, fromAddress, message });
      } else this.#step({ kind: 'receive', now, from, fromAddress, message });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }

  #step(input: RaftInput): void {
    const { now } = input;
    const output = this.raft.step(input);
    if (output.persist.length > 0) this.#step({ kind: 'persisted', now, ticket: output.ticket });
    for (const effect of output.effects) {
      if (effect.kind === 'fatal') this.failed = true;
      if (effect.kind === 'install') this.#step({ kind: 'install-finished', now, ok: true });
    }
  }
}
