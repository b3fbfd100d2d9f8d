import { expect, test } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { simulatedPorts } from './ports.ts';
import { ProcessClock, Scheduler } from './scheduler.ts';

// Seed 5249 of the profile threads: the second of two messages was carried out first, and the node stopped.
test('nothing overtakes a message that is held up while its process stands still', () => {
  for (let seed = 0; seed < 50; seed++) {
    const scheduler = new Scheduler();
    const clock = new ProcessClock(scheduler);
    const delays = { lowestMs: 0, highestMs: 10, holdRate: 0.9, holdMs: 20 };
    const [sql, core] = simulatedPorts<string, number>(clock, new SeededRandom(seed), delays);
    const taken: number[] = [];
    sql.onMessage((message) => taken.push(message));
    for (let i = 0; i < 20; i++) scheduler.after(i, () => core.post(i));
    scheduler.after(8, () => clock.pause(200));
    while (scheduler.step(10_000)) {
      // Runs to the end.
    }
    expect(taken).toEqual(Array.from({ length: 20 }, (_, i) => i));
  }
});
