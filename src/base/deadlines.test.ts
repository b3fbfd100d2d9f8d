import { expect, test } from 'vitest';
import type { Clock, Timer } from './clock.ts';
import { Deadlines, type Limited } from './deadlines.ts';

class HandClock implements Clock {
  time = 0;
  armed: { readonly at: number; readonly run: () => void }[] = [];

  now(): number {
    return this.time;
  }
  wallMs(): number {
    return this.time;
  }
  after(delayMs: number, run: () => void): Timer {
    const timer = { at: this.time + delayMs, run };
    this.armed.push(timer);
    return {
      cancel: () => {
        this.armed = this.armed.filter((each) => each !== timer);
      },
    };
  }
  pass(ms: number): void {
    this.time += ms;
    for (const timer of this.armed.filter(({ at }) => at <= this.time)) {
      this.armed = this.armed.filter((each) => each !== timer);
      timer.run();
    }
  }
}

function limited(deadline: number, expired: number[]): Limited {
  return { deadline, deadlineNumber: 0, expire: () => void expired.push(deadline) };
}

test('one timer for all, and a nearer deadline is met in time', () => {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  const far = limited(30_000, expired);
  deadlines.add(far);
  deadlines.add(far);
  deadlines.add(limited(1_000, expired));
  const removed = limited(500, expired);
  deadlines.add(removed);
  deadlines.remove(removed);
  expect(clock.armed.length).toBe(1);
  clock.pass(500);
  clock.pass(500);
  expect(expired).toEqual([1_000]);
  clock.pass(29_000);
  expect(expired).toEqual([1_000, 30_000]);
  expect(clock.armed).toEqual([]);
});

test('at rest: what is under way still ends, and nothing keeps a timer after it', () => {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  const done = limited(30_000, expired);
  deadlines.add(done);
  deadlines.add(limited(1_000, expired));
  deadlines.rest();
  clock.pass(1_000);
  expect(expired).toEqual([1_000]);
  deadlines.remove(done);
  expect(clock.armed).toEqual([]);
  // A dial that began before may begin another one.
  deadlines.add(limited(2_000, expired));
  clock.pass(1_000);
  expect(expired).toEqual([1_000, 2_000]);
  expect(clock.armed).toEqual([]);
});
