import { expect, test } from 'vitest';
import { loadSqlite, sha256, turn } from './platform.ts';
import { type RunReport, runSeed } from './run.ts';
import { ProcessClock, Scheduler } from './scheduler.ts';

const platform = { module: loadSqlite(), hash: sha256, turn };

function run(wallJumpMs: number): Promise<RunReport> {
  return runSeed({
    ...platform,
    seed: 9,
    hours: 0.001,
    profileName: 'clock',
    profile: { wallJumpMs },
  });
}

test('no event of a run changes when wall clocks jump by years', async () => {
  expect(await run(3e11)).toEqual(await run(0));
}, 60_000);

test('a wall clock that jumps leaves the clock that measures time alone', () => {
  let offset = 0;
  const clock = new ProcessClock(new Scheduler(), 1, () => offset);
  const before = clock.wallMs();
  offset = -5000;
  expect(clock.wallMs()).toBe(before - 5000);
  expect(clock.now()).toBe(0);
});
