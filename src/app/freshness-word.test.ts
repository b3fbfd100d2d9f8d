import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { logIndex } from '../base/index.ts';
import type { NodeEvent } from '../node/index.ts';
import { FreshnessTeller } from './freshness-teller.ts';
import { FreshnessWord, nowMs } from './freshness-word.ts';

test('a word that nobody has written is of unknown age', () => {
  expect(new FreshnessWord().read()).toEqual({
    applied: 0,
    commit: 0,
    freshAtMs: Number.NEGATIVE_INFINITY,
  });
});

test('what one end writes the other one reads', () => {
  const writer = new FreshnessWord();
  const reader = new FreshnessWord(writer.buffer);
  writer.write({ applied: 2 ** 40, commit: 2 ** 40 + 3, freshAtMs: 1234.5 });
  expect(reader.read()).toEqual({ applied: 2 ** 40, commit: 2 ** 40 + 3, freshAtMs: 1234.5 });
  writer.write({ applied: 5, commit: 5, freshAtMs: Number.NEGATIVE_INFINITY });
  expect(reader.read().freshAtMs).toBe(Number.NEGATIVE_INFINITY);
});

test('threads agree on the time', async () => {
  const before = nowMs();
  const source = `require('node:worker_threads').parentPort.postMessage(Number(process.hrtime.bigint()) / 1e6)`;
  const worker = new Worker(source, { eval: true });
  const there = await new Promise<number>((resolve) => worker.once('message', resolve));
  await worker.terminate();
  expect(there).toBeGreaterThanOrEqual(before);
  expect(there).toBeLessThanOrEqual(nowMs());
});

test('the teller writes at once, when entries are applied and when the leader is heard, and not after its end', () => {
  const word = new FreshnessWord();
  const listeners = new Set<(event: NodeEvent) => void>();
  const pulses = new Set<() => void>();
  let state = { applied: logIndex(7), ageMs: Number.POSITIVE_INFINITY, lag: 2 };
  const node = {
    freshness: () => state,
    on: (listener: (event: NodeEvent) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onPulse: (listener: () => void) => {
      pulses.add(listener);
      return () => pulses.delete(listener);
    },
  };
  const teller = new FreshnessTeller(node, word);
  expect(word.read()).toEqual({ applied: 7, commit: 9, freshAtMs: Number.NEGATIVE_INFINITY });
  state = { applied: logIndex(9), ageMs: 0, lag: 0 };
  for (const listener of listeners) listener({ kind: 'applied', index: logIndex(9) });
  expect(word.read()).toMatchObject({ applied: 9, commit: 9 });
  expect(word.read().freshAtMs).toBeLessThanOrEqual(nowMs());
  state = { applied: logIndex(9), ageMs: 0, lag: 4 };
  for (const listener of pulses) listener();
  expect(word.read()).toMatchObject({ applied: 9, commit: 13 });
  teller.stop();
  expect(listeners.size + pulses.size).toBe(0);
});
