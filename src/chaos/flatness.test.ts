import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/index.ts';
import { judgeFlatness } from './flatness.ts';

const MIB = 1024 * 1024;

/** Half an hour of samples, one every five seconds. */
function curve(value: (seconds: number, noise: number) => number) {
  const random = new SeededRandom(7);
  const points = Array.from({ length: 360 }, (_, at) => ({
    seconds: at * 5,
    value: value(at * 5, random.float()),
  }));
  return { name: 'memory', points, share: 0.1, amount: 4 * MIB };
}

describe('a curve', () => {
  it('with saw teeth on a level floor is flat', () => {
    const teeth = curve((seconds, noise) => 100 * MIB + ((seconds % 95) + 20 * noise) * MIB);
    expect(judgeFlatness(teeth, 300)).toMatchObject({ flat: true });
  });

  it('that rises under its saw teeth is not', () => {
    const leak = curve(
      (seconds, noise) => 100 * MIB + ((seconds % 95) + 20 * noise) * MIB + seconds * 15 * 1024,
    );
    const verdict = judgeFlatness(leak, 300);
    expect(verdict).toMatchObject({ flat: false });
    expect(verdict.rising).toBeGreaterThan(0.7);
  });

  it('that rises during warm-up only is flat', () => {
    const start = curve((seconds) => Math.min(seconds, 300) * MIB);
    expect(judgeFlatness(start, 300)).toMatchObject({ flat: true });
    expect(judgeFlatness(start, 0).first).toBeLessThan(judgeFlatness(start, 300).first);
  });

  it('with one step is not a slope, and falling is flat', () => {
    const step = curve((seconds) => (seconds < 1700 ? 100 : 300) * MIB);
    expect(judgeFlatness(step, 300)).toMatchObject({ flat: true });
    const falling = curve((seconds) => (400 - seconds / 10) * MIB);
    expect(judgeFlatness(falling, 300)).toMatchObject({ flat: true });
  });

  it('of a slow leak of handles is found', () => {
    const points = curve((seconds) => 40 + Math.floor(seconds / 120)).points;
    const leak = { name: 'handles', points, share: 0, amount: 4 };
    expect(judgeFlatness(leak, 300)).toMatchObject({ flat: false });
  });
});
