import { expect, test } from 'vitest';
import { type Entry, encodeConfiguration, type LogIndex, type Term } from '../base/index.ts';
import type { Envelope, RaftInput, RaftOutput } from './contract.ts';
import { NONCE_BASE } from './nonce.ts';
import { Raft } from './raft.ts';
import { parseConfiguration } from './testing/virtual-cluster.ts';

/*
 * A C follower reports its whole log as matching, with leftovers of older terms that were never compared, commits them when it is told
 * to, and names as the end of its log what it has on disk, not what it is writing (raft-rpc.md §8).
 */

const MIB = 1024 * 1024;

/** Node 1 of 1, 2, 3 with entries from 2 on, each too long to share a message with another. */
class Leader {
  readonly raft: Raft;
  #now = 0;

  /** It starts in `term` and is elected in the next one. */
  constructor(term = 2, count = 2) {
    const big = (): Entry => ({ term: 1 as Term, type: 'command', data: new Uint8Array(MIB) });
    const data = encodeConfiguration(parseConfiguration('1,2,3'));
    this.raft = new Raft({
      id: 1n,
      address: 'n1',
      term: term as Term,
      vote: 0n,
      snapshot: undefined,
      firstIndex: 1 as LogIndex,
      entries: [
        { term: 1 as Term, type: 'configuration', data },
        ...Array.from({ length: count }, big),
      ],
      quarantined: false,
      electionTimeoutMs: 1000,
      heartbeatMs: 100,
      leaseMs: 900,
      tailBytes: 64 * MIB,
      random: { uint32: () => 0, float: () => 0 },
      now: 0,
    });
    this.step({ kind: 'tick', now: 0 });
    this.step({ kind: 'tick', now: 5_000 });
    const vote = { type: 'request-vote-result', term: (term + 1) as Term, granted: true } as const;
    this.#hear(2n, { ...vote, preVote: true });
    this.step({ kind: 'persisted', now: this.#now, ticket: 1 });
    this.#hear(2n, { ...vote, preVote: false });
    this.step({ kind: 'persisted', now: this.#now, ticket: 2 });
    expect(this.raft.role).toBe('leader');
  }

  step(input: RaftInput): RaftOutput {
    this.#now = Math.max(this.#now, input.now);
    return this.raft.step(input);
  }

  #hear(from: bigint, message: Envelope['message']): RaftOutput {
    const fromAddress = `n${from}`;
    return this.step({ kind: 'receive', now: this.#now, from, fromAddress, message });
  }

  /** Node 3 shows that it lives, but is slow to answer: after an election timeout the probe is repeated. */
  probeAgain() {
    this.#now += 1_000;
    return this.answer(NONCE_BASE + 2 ** 47, 0);
  }

  read(): RaftOutput {
    return this.step({ kind: 'read', now: this.#now, tag: 1 });
  }

  /** Node 3 answers; what is sent to it then. */
  answer(rejected: number, lastIndex: number) {
    const { send } = this.#hear(3n, {
      type: 'append-entries-result',
      term: this.raft.term,
      rejected: rejected as LogIndex,
      lastIndex: lastIndex as LogIndex,
    });
    return send.flatMap(({ to, message }) =>
      to === 3n && message.type === 'append-entries' ? [message] : [],
    );
  }

  get follower() {
    return this.raft.status().followers.find(({ id }) => id === 3n);
  }
}

test('what a C follower reports counts, and is told as committed, only as far as it was compared', () => {
  const leader = new Leader();
  const { raft } = leader;
  // It is writing entries 2 to 9; only 2 are those of this leader.
  expect(leader.answer(3, 1)).toMatchObject([{ previousIndex: 1, commit: 1, entries: [{}] }]);
  // Entry 2 it has: it answers at once, and by now everything is on its disk.
  expect(leader.answer(0, 9)).toMatchObject([{ previousIndex: 2, commit: 1, entries: [{}] }]);
  expect(leader.follower).toMatchObject({ match: 2, state: 'probe' });
  expect(raft.commit).toBe(1);
  // Entry 3 made it cut its leftovers.
  expect(leader.answer(0, 3)).toMatchObject([{ previousIndex: 3, commit: 1, entries: [{}] }]);
  expect(leader.follower).toMatchObject({ match: 3, state: 'probe' });
  expect(raft.commit).toBe(1);
  leader.answer(0, 4);
  expect(leader.follower).toMatchObject({ match: 4, state: 'pipeline' });
  expect(raft.commit).toBe(4);
});

test('an answer with leftovers confirms no read', () => {
  const leader = new Leader();
  leader.answer(3, 1);
  leader.read();
  const { term } = leader.raft;
  const propose = { kind: 'propose', now: 5_000, term, type: 'command', tag: 1 } as const;
  leader.step({ ...propose, data: new Uint8Array(8) });
  leader.answer(0, 9);
  expect(leader.follower).toMatchObject({ match: 2 });
  expect(leader.raft.readable).toBe(false);
});

test('the second answer to a message that was sent twice says nothing of the next message', () => {
  const leader = new Leader();
  expect(leader.answer(3, 1)).toMatchObject([{ previousIndex: 1, entries: [{}] }]);
  expect(leader.probeAgain()).toMatchObject([{ previousIndex: 1, entries: [{}] }]);
  // It has entry 2, and leftovers behind it, and gets both messages before it gets entry 3.
  expect(leader.answer(0, 9)).toMatchObject([{ previousIndex: 2, entries: [{}] }]);
  expect(leader.answer(0, 9)).toMatchObject([{ previousIndex: 3, commit: 1, entries: [{}] }]);
  expect(leader.follower).toMatchObject({ match: 2, state: 'probe' });
  // It cut the leftovers when it got entry 3, and has taken the one that follows; had it not, it would refuse it, and get entry 3 again.
  expect(leader.answer(3, 2)).toMatchObject([{ previousIndex: 2, entries: [{}] }]);
  expect(leader.raft.commit).toBe(1);
});

test('answers that were lost cost a round trip each, and not one more for each message', () => {
  const leader = new Leader(2, 30);
  let [sent] = leader.answer(31, 1);
  for (let lost = 0; lost < 10; lost++) [sent] = leader.probeAgain();
  let answers = 0;
  for (; answers < 1000 && leader.follower?.state === 'probe'; answers++) {
    [sent] = leader.answer(0, sent.previousIndex + sent.entries.length);
  }
  expect(leader.follower).toMatchObject({ match: 32, state: 'pipeline' });
  expect(answers).toBe(30 + 1 + 10);
});

test('a follower whose probes were lost catches up without further delay', () => {
  const leader = new Leader();
  let [sent] = leader.answer(3, 1);
  leader.probeAgain();
  [sent] = leader.probeAgain();
  for (let answers = 0; answers < 12 && leader.follower?.state === 'probe'; answers++) {
    [sent] = leader.answer(0, sent.previousIndex + sent.entries.length);
  }
  expect(leader.follower).toMatchObject({ match: 4, state: 'pipeline' });
  expect(leader.raft.commit).toBe(4);
});

test('a follower that is still writing answers one message more than once', () => {
  const leader = new Leader();
  leader.answer(3, 1);
  expect(leader.answer(0, 1)).toEqual([]);
  expect(leader.answer(0, 2)).toMatchObject([{ previousIndex: 2, entries: [{}] }]);
  expect(leader.answer(0, 2)).toEqual([]);
  expect(leader.answer(0, 3)).toMatchObject([{ previousIndex: 3, entries: [{}] }]);
  leader.answer(0, 4);
  expect(leader.follower).toMatchObject({ match: 4, state: 'pipeline' });
});

test('a restarted leader asks nothing under a number that it has used: C answers what is left of an old term in the present one', () => {
  const numbers = [2, 3].map((term) => {
    const leader = new Leader(term);
    for (const [rejected, lastIndex] of [
      [3, 1],
      [0, 2],
      [0, 3],
      [0, 4],
    ])
      leader.answer(rejected, lastIndex);
    const [question] = leader.read().send;
    return question.message.type === 'append-entries' ? question.message.previousIndex : undefined;
  });
  expect(numbers[0]).toBeGreaterThan(NONCE_BASE);
  expect(numbers[1]).toBeGreaterThan(NONCE_BASE);
  expect(numbers[0]).not.toBe(numbers[1]);
});
