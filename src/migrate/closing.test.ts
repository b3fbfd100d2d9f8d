import { expect, test } from 'vitest';
import { TestClock } from '../../test/fakes/test-clock.ts';
import { QuorateError } from '../base/index.ts';
import type { CallOptions, SchemaAccess } from '../client/index.ts';
import { Coordinator } from './coordinator.ts';
import { defineMigrations } from './define.ts';
import { SchemaClient } from './schema-client.ts';

test('without a leader a program ends within seconds, and says at least once that it leaves', async () => {
  const clock = new TestClock();
  const asked: string[] = [];
  const access: SchemaAccess = {
    request: (json, options: CallOptions = {}) =>
      new Promise((_, reject) => {
        asked.push(Object(JSON.parse(json)).op);
        const { signal, timeoutMs = 0 } = options;
        signal?.addEventListener('abort', () => reject(signal.reason));
        clock.after(timeoutMs, () => reject(new QuorateError('TIMEOUT', 'no answer')));
      }),
    rehearse: () => Promise.reject(new Error('not asked')),
    declare: () => undefined,
    begin: () => Promise.reject(new Error('nothing begins')),
    observer: () => {
      throw new Error('nothing is looked at');
    },
  };
  const coordinator = new Coordinator({
    ...{ client: new SchemaClient(access), clock, random: { float: () => 0.5, uint32: () => 7 } },
    migrations: [defineMigrations({ entries: [] })],
    participant: { id: 'a', kind: 'client', boot: '1', release: '' },
    ...{ mode: 'coordinate', onEvent: () => undefined },
  });
  coordinator.start();
  const startedAt = clock.now();
  await clock.until(coordinator.close());
  expect(asked).toEqual(['register', 'leave']);
  expect(clock.now() - startedAt).toBeLessThan(5_000);
});
