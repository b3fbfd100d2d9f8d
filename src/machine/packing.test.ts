import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError, logIndex, PackedReader } from '../base/index.ts';
import type { Answer, Submit } from './messages.ts';
import { packAnswer, packRequest, unpackAnswer, unpackRequest } from './packing.ts';

const count = fc.nat();
const bytes = fc.uint8Array({ maxLength: 20 });
const value = fc.oneof(
  fc.constant(null),
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: 'binary' }),
  bytes,
);
const submit: fc.Arbitrary<Submit> = fc.record({
  kind: fc.constant('submit'),
  session: count,
  request: count,
  database: fc.string(),
  work: fc.record({
    action: fc.constant('statement'),
    statement: fc.record({
      sql: fc.string({ unit: 'binary' }),
      parameters: fc.record({ kind: fc.constant('positional'), values: fc.array(value) }),
    }),
    rows: fc.constantFrom('send', 'refuse'),
    tail: fc.constantFrom('refuse', 'ignore'),
    surplus: fc.constantFrom('refuse', 'ignore'),
  }),
  format: fc.constantFrom('dqlite', 'extension'),
  timeoutMs: count,
  transactionIdleMs: count,
  transactionTotalMs: count,
  declaration: fc.option(fc.string(), { nil: undefined }),
});
const answer: fc.Arbitrary<Answer> = fc.record({
  kind: fc.constant('answer'),
  session: count,
  request: count,
  observed: fc.oneof(
    fc.record({
      kind: fc.constant('speculative'),
      epoch: count,
      database: fc.string(),
      sequence: count,
      wrote: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('published'), index: count.map(logIndex) }),
  ),
  rows: fc.array(bytes, { maxLength: 3 }),
  end: fc.record({
    kind: fc.constant('done'),
    results: fc
      .record({
        rowsAffected: count,
        lastInsertRowid: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        columns: fc.array(fc.string(), { maxLength: 3 }),
        columnTypes: fc.array(fc.string(), { maxLength: 3 }),
      })
      .map((result) => [result]),
  }),
  state: fc.record({
    transaction: fc.constantFrom('none', 'read', 'write'),
    aborted: fc.boolean(),
    home: fc.boolean(),
  }),
});

/** What arrives where several messages were written in a row. */
function crossed<T>(
  messages: readonly T[],
  pack: (message: T, into: unknown[]) => boolean,
  unpack: (from: PackedReader) => T,
): T[] {
  const values: unknown[] = [];
  for (const message of messages) expect(pack(message, values)).toBe(true);
  const arrived = structuredClone(values);
  const all: T[] = [];
  for (let at = 0; at < arrived.length; ) {
    const reader = new PackedReader(arrived, at);
    all.push(unpack(reader));
    at = reader.at;
  }
  return all;
}

describe('messages that cross as values in a row', () => {
  test('requests arrive as they were', () => {
    fc.assert(
      fc.property(fc.array(submit, { maxLength: 4 }), (messages) => {
        expect(crossed(messages, packRequest, unpackRequest)).toEqual(messages);
      }),
    );
  });

  test('answers arrive as they were', () => {
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 4 }), (messages) => {
        expect(crossed(messages, packAnswer, unpackAnswer)).toEqual(messages);
      }),
    );
  });

  test('what is rare crosses as it is', () => {
    const into: unknown[] = [];
    const [request] = fc.sample(submit, 1);
    const [told] = fc.sample(answer, 1);
    const script = { action: 'script', sql: '', parameters: [], rows: 'drop' } as const;
    const named = { kind: 'named', values: [['a', 1]] } as const;
    const statement = { sql: 'SELECT :a', parameters: named };
    const work = {
      action: 'statement',
      statement,
      rows: 'send',
      tail: 'refuse',
      surplus: 'refuse',
    } as const;
    expect(packRequest({ ...request, work: script }, into)).toBe(false);
    expect(packRequest({ ...request, work }, into)).toBe(false);
    expect(packRequest({ kind: 'lead', epoch: 1 }, into)).toBe(false);
    expect(packAnswer({ ...told, end: undefined }, into)).toBe(false);
    expect(packAnswer({ ...told, end: { kind: 'done', results: [] } }, into)).toBe(false);
    expect(packAnswer({ ...told, end: { kind: 'redirect' } }, into)).toBe(false);
    expect(packAnswer({ kind: 'applied', index: logIndex(1) }, into)).toBe(false);
    expect(into).toEqual([]);
  });

  test('values that are not what was expected are a defect', () => {
    const [message] = fc.sample(submit, 1);
    const values: unknown[] = [];
    packRequest(message, values);
    expect(() => unpackAnswer(new PackedReader(values, 0))).toThrow(AssertionError);
    expect(() => unpackRequest(new PackedReader(values.slice(0, 5), 0))).toThrow(AssertionError);
  });
});
