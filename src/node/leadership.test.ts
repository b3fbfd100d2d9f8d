import { beforeEach, describe, expect, test } from 'vitest';
import { assert, type LogIndex, logIndex, type Port, term } from '../base/index.ts';
import type { Answer, FromMachine, Observed, ToMachine } from '../machine/index.ts';
import { FateBook } from './fate.ts';
import { Gate, type GateOwner, Held } from './gate.ts';
import { Leadership } from './leadership.ts';
import { SealBook } from './seal-book.ts';

let posted: string[] = [];
let proposed: { readonly tag: number; readonly name: string }[] = [];
let last = logIndex(10);
let gate: Gate;
let leadership = create();

function create(): Leadership {
  const port: Port<ToMachine, FromMachine> = {
    post: (message) => {
      posted.push('epoch' in message ? `${message.kind} ${message.epoch}` : message.kind);
    },
    onMessage: () => undefined,
    drain: () => undefined,
    close: () => undefined,
  };
  const seals = new SealBook(new FateBook());
  gate = new Gate(seals, 10_000, () => undefined);
  return new Leadership(port, seals, gate, {
    propose: (_term, command, tag) => {
      proposed.push({ tag, name: new TextDecoder().decode(command) });
    },
    lastIndex: () => last,
    led: () => undefined,
    ended: () => undefined,
  });
}

function seal(epoch: number, database: string, sequence: number): void {
  const command = new TextEncoder().encode(`${epoch} ${database} ${sequence}`);
  leadership.seal({ kind: 'seal', epoch, database, sequence, transactions: 1, command });
}

/** The core refuses or appends what was proposed last. */
function decide(how: 'refused' | LogIndex): void {
  const newest = proposed.at(-1);
  assert(newest !== undefined);
  if (how === 'refused') {
    leadership.refused(newest.tag);
    return;
  }
  last = how;
  leadership.accepted(newest.tag, how, term(3));
}

const names = (): string[] => proposed.map(({ name }) => name);

beforeEach(() => {
  posted = [];
  proposed = [];
  last = logIndex(10);
  leadership = create();
  leadership.begin(term(3));
  leadership.applied(logIndex(10), true);
});

describe('seals that come late from the SQL thread (M2)', () => {
  test('the first seal of another database, after a refusal and the start of the next epoch', () => {
    seal(1, 'a', 1);
    decide(logIndex(11));
    leadership.committed(logIndex(11), term(3));
    seal(1, 'a', 2);
    decide('refused');
    // The machine had published 11 and sealed for b before it heard that its epoch is over.
    leadership.applied(logIndex(11), true);
    expect(posted).toEqual(['lead 1', 'publish 1', 'unlead 1', 'lead 2']);
    seal(1, 'b', 1);
    expect(names()).toEqual(['1 a 1', '1 a 2']);
    seal(2, 'b', 1);
    expect(names().at(-1)).toBe('2 b 1');
  });

  test('what was queued behind a refused seal is dropped with it', () => {
    seal(1, 'a', 1);
    seal(1, 'b', 1);
    decide('refused');
    leadership.applied(logIndex(10), true);
    seal(1, 'c', 1);
    expect(names()).toEqual(['1 a 1']);
  });

  test('a gap in the sequence ends the epoch without a proposal', () => {
    seal(1, 'a', 2);
    expect(names()).toEqual([]);
    expect(posted).toEqual(['lead 1', 'unlead 1']);
  });
});

/** The only answer of a request, to be written down in `posted` when it leaves. */
function hold(observed: Observed): void {
  const owner: GateOwner = {
    release: () => posted.push('an answer'),
    wantsConfirmation: () => undefined,
    lost: () => posted.push('a loss'),
  };
  const answer: Answer = {
    kind: 'answer',
    session: 0,
    request: 1,
    observed,
    rows: [],
    end: { kind: 'done', results: [] },
    state: { transaction: 'none', aborted: false, home: false },
  };
  gate.add(new Held(owner, logIndex(10), false), answer);
}

test('a commit publishes before any answer leaves, also one that it only confirms', () => {
  seal(1, 'a', 1);
  decide(logIndex(11));
  // A read of what was published before: this leadership's next commit confirms it.
  hold({ kind: 'published', index: logIndex(10) });
  hold({ kind: 'speculative', epoch: 1, database: 'a', sequence: 1, wrote: true });
  leadership.committed(logIndex(11), term(3));
  expect(posted).toEqual(['lead 1', 'publish 1', 'an answer', 'an answer']);
});
