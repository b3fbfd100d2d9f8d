import { expect, test } from 'vitest';
import {
  type Entry,
  type LogIndex,
  type NodeId,
  type RaftMessage,
  SeededRandom,
  type Term,
  utf8,
} from '../base/index.ts';
import type { RaftView } from '../node/index.ts';
import type { PersistOperation, RaftEffect, RaftInput, RaftOutput } from '../raft/index.ts';
import { encodeMetadata } from '../wire/index.ts';
import { SimulatedDisk } from './disk.ts';
import { Invariants } from './invariants.ts';
import { Witness } from './witness.ts';

// Each invariant is shown a step, or a message, that contradicts it.

const at = (value: number): LogIndex => value as LogIndex;
const term = (value: number): Term => value as Term;
const TICK: RaftInput = { kind: 'tick', now: 0 };

function command(of: number, text: string): Entry {
  return { term: term(of), type: 'command', data: utf8(text) };
}

type State = Partial<{ -readonly [K in keyof RaftView]: RaftView[K] }>;

/** One node as the simulator sees it, with whatever its core and its disk are said to have done. */
class Subject {
  readonly witness: Witness;
  readonly disk = new SimulatedDisk({ random: new SeededRandom(1) });
  readonly errors: unknown[] = [];
  now = 0;

  constructor(invariants: Invariants, id: NodeId) {
    this.witness = new Witness({
      id,
      disk: this.disk,
      invariants,
      electionTimeoutMs: 300,
      now: () => this.now,
      failed: (error) => this.errors.push(error),
    });
    this.witness.restarts(undefined);
  }

  view(state: State): RaftView {
    return {
      term: term(1),
      role: 'follower',
      commit: at(0),
      lastIndex: at(9),
      firstIndex: at(1),
      storedIndex: state.commit ?? at(0),
      quarantined: false,
      termOf: () => term(1),
      ...state,
    };
  }

  step(state: State, output: Partial<RaftOutput> = {}, input: RaftInput = TICK): void {
    const nothing = { send: [], persist: [], ticket: 0, sendAfter: [], effects: [], nextTick: 0 };
    this.witness.stepped(input, { ...nothing, ...output }, this.view(state));
  }

  appends(state: State, first: number, ...entries: Entry[]): void {
    const append: PersistOperation = { kind: 'append', first: at(first), entries };
    this.step(state, { persist: [append] });
  }

  truncates(state: State, from: number): void {
    this.step(state, { persist: [{ kind: 'truncate', from: at(from) }] });
  }

  tells(state: State, ...effects: RaftEffect[]): void {
    this.step(state, { effects });
  }

  sends(state: State, message: Exclude<RaftMessage, { type: 'install-snapshot' }>): void {
    this.witness.sends([{ to: 2n, address: 'n2', message }], this.view(state));
  }

  acknowledges(state: State, of: number, lastIndex: number): void {
    const answer = { type: 'append-entries-result', term: term(of), rejected: at(0) } as const;
    this.sends(state, { ...answer, lastIndex: at(lastIndex) });
  }

  votes(of: number, to: NodeId): void {
    const message = { type: 'request-vote-result', term: term(of), granted: true } as const;
    this.witness.sends(
      [{ to, address: 'n', message: { ...message, preVote: false } }],
      this.view({ term: term(of) }),
    );
  }

  /** Term and vote reach the medium. */
  stores(version: number, of: number, votedFor: NodeId): void {
    this.disk.put(
      `metadata${2 - (version % 2)}`,
      encodeMetadata({ version, term: term(of), votedFor }),
    );
  }
}

const LEADS: State = { role: 'leader', term: term(2) };
const elected: RaftEffect = { kind: 'role', role: 'leader', term: term(2) };

function configuration(index: number, voters: readonly NodeId[], committed = true): RaftEffect {
  const members = voters.map((id) => ({ id, address: `n${id}`, role: 'voter' as const }));
  return { kind: 'configuration', configuration: { members }, index: at(index), committed };
}

function commits(first: number, ...entries: Entry[]): RaftEffect {
  return { kind: 'commit', first: at(first), entries };
}

function subjects(): [Subject, Subject, Invariants] {
  const invariants = new Invariants();
  return [new Subject(invariants, 1n), new Subject(invariants, 2n), invariants];
}

test('LM: another prefix below an equal entry', () => {
  const [one, two] = subjects();
  one.appends({}, 1, command(1, 'a'), command(1, 'b'), command(2, 'c'));
  two.appends({}, 1, command(1, 'a'), command(2, 'other'));
  expect(() => two.appends({}, 3, command(2, 'c'))).toThrow('LM');
  expect(two.errors).toHaveLength(1);
});

test('ES: a leader that too few have voted for', () => {
  const [one, two] = subjects();
  one.tells({}, configuration(1, [1n, 2n, 3n]));
  expect(() => one.tells(LEADS, elected)).toThrow('ES');
  two.stores(1, 2, 1n);
  two.votes(2, 1n);
  one.tells(LEADS, elected);
});

test('QUIET: a leader that is no voter, as was committed', () => {
  const [one, two] = subjects();
  two.tells({ commit: at(1) }, commits(1, command(1, 'a')));
  one.tells({}, configuration(1, [2n, 3n]));
  expect(() => one.tells({ ...LEADS, commit: at(1) }, elected)).toThrow('QUIET');
});

test('LC: a leader without a committed entry', () => {
  const [one, two] = subjects();
  two.tells({ commit: at(1) }, commits(1, command(1, 'a')));
  one.tells({}, configuration(1, [1n]));
  expect(() => one.tells({ ...LEADS, lastIndex: at(0) }, elected)).toThrow('LC');
  expect(() => one.tells({ ...LEADS, termOf: () => term(2) }, elected)).toThrow('LC');
  // What a later term has committed a leader of an earlier one need not have.
  two.tells({ commit: at(2) }, commits(2, command(3, 'b')));
  one.tells({ ...LEADS, lastIndex: at(1) }, elected);
});

test('LC: a vote for a log that is behind the own one', () => {
  const [one] = subjects();
  const grant = { type: 'request-vote-result', term: term(3), granted: true } as const;
  const send = [{ to: 2n, address: 'n2', message: { ...grant, preVote: true } }];
  const ask = (lastIndex: number, lastTerm: number): void => {
    const asks = { type: 'request-vote', term: term(3), candidate: 2n, disrupt: false } as const;
    const end = { lastIndex: at(lastIndex), lastTerm: term(lastTerm) };
    const message = { ...asks, ...end, preVote: true };
    const input: RaftInput = { kind: 'receive', now: 0, from: 2n, fromAddress: 'n2', message };
    one.step({ termOf: () => term(2) }, { send }, input);
  };
  ask(9, 2);
  ask(1, 3);
  expect(() => ask(8, 2)).toThrow('LC');
  expect(() => ask(20, 1)).toThrow('LC');
});

test('LAO: a leader that truncates or overwrites', () => {
  const [one] = subjects();
  one.appends(LEADS, 1, command(1, 'a'), command(2, 'b'));
  expect(() => one.truncates(LEADS, 2)).toThrow('LAO');
  expect(() => one.appends(LEADS, 2, command(2, 'b'))).toThrow('LAO');
});

test('NOTRUNC: what is committed is truncated', () => {
  const [one, two] = subjects();
  one.appends({ storedIndex: at(2) }, 1, command(1, 'a'), command(1, 'b'));
  two.tells({ commit: at(2) }, commits(1, command(1, 'a'), command(1, 'b')));
  expect(() => one.truncates({ storedIndex: at(1) }, 2)).toThrow('NOTRUNC');
  one.step({ commit: at(1), storedIndex: at(1) });
  expect(() => one.truncates({ commit: at(1) }, 1)).toThrow('NOTRUNC');
});

test('SMS: two entries are called committed at one index', () => {
  const [one, two] = subjects();
  one.tells({ commit: at(1) }, commits(1, command(1, 'a')));
  expect(() => two.tells({ commit: at(1) }, commits(1, command(2, 'a')))).toThrow('SMS');
});

test('QD: a leader commits what too few have stored, or an old term by counting', () => {
  const [one, two] = subjects();
  one.tells({}, configuration(1, [1n, 2n, 3n]));
  one.appends(LEADS, 1, command(1, 'a'), command(2, 'b'));
  const both = commits(1, command(1, 'a'), command(2, 'b'));
  expect(() => one.tells({ ...LEADS, storedIndex: at(2), commit: at(2) }, both)).toThrow('QD');
  two.appends({ storedIndex: at(2) }, 1, command(1, 'a'), command(2, 'b'));
  one.tells({ ...LEADS, storedIndex: at(2), commit: at(2) }, both);
  const old = commits(1, command(1, 'a'));
  expect(() => one.tells({ ...LEADS, storedIndex: at(2), commit: at(2) }, old)).toThrow('QD');
});

test('CFG: two voters at once, a change within a change, another configuration elsewhere', () => {
  const [one, two] = subjects();
  one.tells({}, configuration(1, [1n, 2n, 3n]));
  expect(() => one.tells({}, configuration(5, [1n], false))).toThrow('CFG');
  expect(() => two.tells({}, configuration(1, [1n, 2n]))).toThrow('CFG');
  const change: Entry = { term: term(2), type: 'configuration', data: utf8('') };
  one.step(LEADS);
  expect(() => one.appends(LEADS, 6, change)).toThrow('CFG');
});

test('MON and ORD: term and commit index never fall, nothing lies beyond the end', () => {
  const [one] = subjects();
  one.step({ term: term(3), commit: at(4) });
  expect(() => one.step({ term: term(2), commit: at(4) })).toThrow('MON');
  expect(() => one.step({ term: term(3), commit: at(3) })).toThrow('MON');
  expect(() => one.step({ term: term(3), commit: at(8), lastIndex: at(7) })).toThrow('ORD');
});

test('ORD: a follower commits what it has not stored', () => {
  const [one] = subjects();
  const entries = commits(1, command(1, 'a'), command(1, 'b'));
  expect(() => one.tells({ commit: at(2), storedIndex: at(1) }, entries)).toThrow('ORD');
  one.tells({ commit: at(2), storedIndex: at(2) }, entries);
});

test('READ: a read at less than was committed when it arrived', () => {
  const [one, two] = subjects();
  two.tells({ commit: at(1) }, commits(1, command(1, 'a')));
  one.step({}, {}, { kind: 'read', now: 0, tag: 7 });
  expect(() => one.tells({}, { kind: 'read-confirmed', tag: 7, index: at(0) })).toThrow('READ');
});

test('READ: a read that no majority was asked for after it arrived', () => {
  const [one, two] = subjects();
  one.tells({}, configuration(1, [1n, 2n, 3n]));
  two.stores(1, 2, 0n);
  const answers = (): void => two.acknowledges({ term: term(2) }, 2, 0);
  const confirms = (tag: number): void =>
    one.tells(LEADS, { kind: 'read-confirmed', tag, index: at(0) });
  answers();
  one.step(LEADS, {}, { kind: 'read', now: 0, tag: 7 });
  expect(() => confirms(7)).toThrow('READ');
  one.step(LEADS, {}, { kind: 'read', now: 0, tag: 8 });
  answers();
  confirms(8);
});

test('DBA: what is acknowledged is not what the leader has there', () => {
  const [one, two, invariants] = subjects();
  one.appends(LEADS, 1, command(1, 'a'));
  invariants.leads(1n, term(2));
  two.stores(1, 2, 0n);
  const state = { term: term(2), storedIndex: at(2) };
  two.appends(state, 1, command(1, 'a'), command(1, 'b'));
  two.acknowledges(state, 2, 1);
  expect(() => two.acknowledges(state, 2, 2)).toThrow('DBA');
});

test('DBA: answers that leave before the disk has what they promise', () => {
  const [one] = subjects();
  const state = { term: term(4), storedIndex: at(3) };
  expect(() => one.acknowledges(state, 4, 2)).toThrow('DBA');
  one.stores(1, 4, 0n);
  one.acknowledges(state, 4, 3);
  expect(() => one.acknowledges(state, 4, 4)).toThrow('DBA');
  expect(() => one.votes(4, 3n)).toThrow('DBA');
});

test('DBA: now and then the disk itself is asked', async () => {
  const [one] = subjects();
  one.stores(1, 4, 0n);
  one.acknowledges({ term: term(4), storedIndex: at(3) }, 4, 3);
  await new Promise((resolve) => setImmediate(resolve));
  expect(String(one.errors[0])).toContain('DBA: 1 acknowledges 3, on its disk is 0');
});

test('MON: two votes in a term', () => {
  const [one] = subjects();
  one.stores(1, 4, 2n);
  one.votes(4, 2n);
  expect(() => one.votes(4, 3n)).toThrow('MON');
});

test('M7: a vote right after the start, and an old TimeoutNow', () => {
  const [one] = subjects();
  one.step({ storedIndex: at(5) });
  one.stores(1, 2, 2n);
  one.now = 299;
  expect(() => one.votes(2, 2n)).toThrow('M7');
  one.now = 300;
  one.votes(2, 2n);
  const order = {
    type: 'timeout-now',
    term: term(2),
    lastIndex: at(4),
    lastTerm: term(1),
  } as const;
  const input: RaftInput = { kind: 'receive', now: 0, from: 2n, fromAddress: 'n2', message: order };
  const asks = { type: 'request-vote', term: term(3), candidate: 1n, lastIndex: at(9) } as const;
  const message = { ...asks, lastTerm: term(1), disrupt: true, preVote: false };
  const send = [{ to: 2n, address: 'n2', message }];
  expect(() => one.step({ storedIndex: at(5) }, { send }, input)).toThrow('M7');
});

test('M15: a quarantined node acknowledges or votes', () => {
  const [one] = subjects();
  one.stores(1, 2, 2n);
  expect(() => one.acknowledges({ quarantined: true }, 2, 0)).toThrow('M15');
});
