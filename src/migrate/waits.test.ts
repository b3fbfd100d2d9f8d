import { expect, test } from 'vitest';
import type { NamespaceStatus } from './status.ts';
import { waitsOf } from './waits.ts';

function participant(id: string, kind: string) {
  return { id, kind, release: '1.0.0', state: 'active', knows: 1, sinceMs: 0 };
}

function status(controls: Record<string, string>, attempts = 0): NamespaceStatus {
  const none = { attempts: 0, error: '', done: 0 };
  return {
    ...{ namespace: 'app', version: 1, floor: 0, phase: 'idle', applied: [], controls },
    participants: [participant('1', 'node'), participant('2', 'node'), participant('c', 'client')],
    pending: [
      { name: '3', kind: 'contract', blockedBy: ['2', 'c'], ...none },
      { name: '2', kind: 'expand', blockedBy: [], ...none, attempts, error: 'no such table' },
    ],
  };
}

function brief(...args: Parameters<typeof waitsOf>): string[] {
  return waitsOf(...args).map(
    ({ migration, obstacle, participants, commands }) =>
      `${migration} ${obstacle} [${participants.map(({ id }) => id)}] ${commands.map((words) => words.join(' ')).join(', ')}`,
  );
}

test('older code is named with who runs it; a node that is no member does not count', () => {
  expect(brief(status({}))).toEqual(['3 older-code [2,c] exclude 2, exclude c']);
  expect(brief(status({}), new Set(['1', '2']))).toEqual(brief(status({})));
  expect(brief(status({}), new Set(['1']))).toEqual(['3 older-code [c] exclude c']);
});

test('a hold stops everything, a policy only what breaks older code', () => {
  expect(brief(status({ hold: 'night' }))).toEqual([
    '3 hold [] release',
    '3 older-code [2,c] exclude 2, exclude c',
    '2 hold [] release',
  ]);
  expect(brief(status({ 'finalize-policy': 'manual' }))[0]).toBe('3 finalize [] finalize 3');
  expect(brief(status({ 'finalize-policy': 'manual' }))).toHaveLength(2);
  for (const finalized of ['*', '3']) {
    expect(brief(status({ 'finalize-policy': 'manual', finalized }))).toHaveLength(1);
  }
});

test('three failures are the end of trying', () => {
  expect(brief(status({}, 2))).toHaveLength(1);
  expect(brief(status({}, 3))[1]).toBe('2 repair [] repair 2');
});
