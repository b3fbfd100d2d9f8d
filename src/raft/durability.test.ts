import { expect, test } from 'vitest';
import type { LogIndex } from '../base/index.ts';
import { Durability } from './durability.ts';

const index = (value: number): LogIndex => value as LogIndex;

test('a ticket completes everything before it', () => {
  const durability = new Durability(index(2));
  durability.handOut(3, false);
  durability.handOut(0, true);
  const third = durability.handOut(7, false);
  expect(durability.metadataDurable).toBe(false);
  expect(durability.completed(third)).toBe(true);
  expect([durability.stored, durability.metadataDurable]).toEqual([7, true]);
});

test('the completion of a truncated write does not count for what took its place', () => {
  const durability = new Durability(index(2));
  const old = durability.handOut(5, false);
  durability.truncate(index(4));
  expect(durability.truncateFrom).toBe(4);
  const replacement = durability.handOut(6, false);
  durability.completed(old);
  expect(durability.stored).toBe(3);
  durability.completed(replacement);
  expect(durability.stored).toBe(6);
});

test('truncation of what is durable takes it back', () => {
  const durability = new Durability(index(9));
  durability.truncate(index(5));
  expect([durability.stored, durability.handedOut, durability.truncateFrom]).toEqual([4, 4, 5]);
});

test('a metadata batch alone keeps a pending truncation', () => {
  const durability = new Durability(index(9));
  durability.truncate(index(5));
  durability.handOut(0, true);
  expect(durability.truncateFrom).toBe(5);
});

test('failed batches are handed out again, completed ones stay', () => {
  const durability = new Durability(index(2));
  const first = durability.handOut(3, false);
  const second = durability.handOut(4, true);
  durability.handOut(5, false);
  durability.failed(second);
  expect([durability.handedOut, durability.truncateFrom]).toEqual([3, 4]);
  expect(durability.metadataDirty).toBe(true);
  durability.completed(first);
  expect(durability.stored).toBe(3);
});

test('an installed snapshot outlives the writes before it', () => {
  const durability = new Durability(index(2));
  const ticket = durability.handOut(50, false);
  durability.reset(index(20));
  durability.completed(ticket);
  expect([durability.stored, durability.handedOut]).toEqual([20, 20]);
});

test('entries are not handed out twice and unknown tickets are refused', () => {
  const durability = new Durability(index(2));
  expect(() => durability.handOut(2, false)).toThrow('twice');
  expect(() => durability.completed(1)).toThrow('never given');
});
