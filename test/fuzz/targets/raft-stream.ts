import fc from 'fast-check';
import { type Entry, logIndex, type RaftMessage, term } from '../../../src/base/index.ts';
import { encodeConfiguration, encodeRaftMessage, RaftDecoder } from '../../../src/wire/index.ts';
import { raftMessages } from '../captures.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { decoded, inPieces, randomOf, same } from './check.ts';

/** What a peer sends behind its Connect message. */
export const raftStreamTarget: Target = {
  name: 'raft-stream',
  corpus(random) {
    const captured = raftMessages()
      .filter(([kind]) => kind !== 'Connect')
      .map(([, bytes]) => bytes);
    const generated = fc
      .sample(messages, { seed: random.uint32() | 0, numRuns: 60 })
      .map((message) => bytesOf(message));
    const all = [...captured.filter(({ length }) => length < 20_000), ...generated];
    const streams = Array.from({ length: 30 }, () =>
      concat(Array.from({ length: 3 }, () => all[random.uint32() % all.length])),
    );
    return [...all, ...streams];
  },
  run(bytes) {
    const random = randomOf(bytes);
    const whole = decodeAll((take) => take(bytes));
    const cut = decodeAll((take) => inPieces(bytes, random, take));
    same(cut, whole, 'the same stream cut elsewhere');
    for (const message of whole.messages) {
      if (message.type === 'install-snapshot') continue;
      const again = decodeAll((take) => take(bytesOf(message)));
      same(again.messages, [canonical(message)], 'decoded again');
    }
  },
};

/** The oldest form of a vote does not say what it answers; it is read, but not written. */
function canonical(message: RaftMessage): RaftMessage {
  if (message.type !== 'request-vote-result') return message;
  return { ...message, preVote: message.preVote ?? false };
}

export interface DecodedStream {
  readonly messages: RaftMessage[];
  payloadBytes: number;
  refused: boolean;
}

function decodeAll(feed: (take: (piece: Uint8Array) => void) => void): DecodedStream {
  const found: DecodedStream = { messages: [], payloadBytes: 0, refused: true };
  const decoder = new RaftDecoder({
    message: (message) => found.messages.push(message),
    payload: (piece) => {
      found.payloadBytes += piece.length;
    },
  });
  decoded(() => {
    feed((piece) => decoder.write(piece));
    found.refused = false;
  });
  return found;
}

export function bytesOf(message: RaftMessage): Uint8Array {
  const { head, payload } = encodeRaftMessage(message);
  const content =
    message.type === 'install-snapshot' ? new Uint8Array(message.dataLength) : new Uint8Array();
  return concat([head, ...payload, content]);
}

const smallTerm = fc.integer({ min: 1, max: 6 }).map((value) => term(value));
const smallIndex = fc.integer({ min: 0, max: 12 }).map((value) => logIndex(value));
const members = fc.subarray([1n, 2n, 3n, 4n], { minLength: 1 }).map((ids) => ({
  members: ids.map((id) => ({ id, address: `n${id}:1`, role: 'voter' as const })),
}));
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    term: smallTerm,
    type: fc.constantFrom('command' as const, 'barrier' as const),
    data: fc.constantFrom(8, 16, 64).map((length) => new Uint8Array(length).fill(1)),
  }),
  fc.record({
    term: smallTerm,
    type: fc.constant('configuration' as const),
    data: members.map((configuration) => encodeConfiguration(configuration)),
  }),
);

/** Messages such as three nodes with ids 1 to 3 and a few entries send each other. */
export const messages: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({
    type: fc.constant('append-entries' as const),
    term: smallTerm,
    previousIndex: smallIndex,
    previousTerm: smallTerm,
    commit: smallIndex,
    entries: fc
      .array(entry, { maxLength: 4 })
      .map((entries) => entries.toSorted((a, b) => a.term - b.term)),
  }),
  fc.record({
    type: fc.constant('append-entries-result' as const),
    term: smallTerm,
    rejected: smallIndex,
    lastIndex: smallIndex,
  }),
  fc.record({
    type: fc.constant('request-vote' as const),
    term: smallTerm,
    candidate: fc.constantFrom(1n, 2n, 3n, 9n),
    lastIndex: smallIndex,
    lastTerm: smallTerm,
    disrupt: fc.boolean(),
    preVote: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('request-vote-result' as const),
    term: smallTerm,
    granted: fc.boolean(),
    preVote: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('install-snapshot' as const),
    term: smallTerm,
    lastIndex: smallIndex,
    lastTerm: smallTerm,
    configurationIndex: smallIndex,
    configuration: members,
    dataLength: fc.constantFrom(8, 64),
  }),
  fc.record({
    type: fc.constant('timeout-now' as const),
    term: smallTerm,
    lastIndex: smallIndex,
    lastTerm: smallTerm,
  }),
);
