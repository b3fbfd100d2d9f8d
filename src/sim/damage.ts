import { type Random, randomBelow } from '../base/index.ts';
import type { SimulatedDisk } from './disk.ts';

/**
 * Bit rot: inverts a few bits of a file, and tells where; undefined when there is nothing to damage. Open segments are spared: damage of
 * their last batch is what a torn write looks like, and cannot be told from one (docs/testing.md).
 */
export function damageDisk(disk: SimulatedDisk, random: Random): string | undefined {
  const names = disk
    .names()
    .filter((name) => !name.startsWith('open-') && disk.image(name).size > 0);
  if (names.length === 0) return undefined;
  const name = names[randomBelow(random, names.length)];
  const image = disk.image(name);
  const bits = 1 + randomBelow(random, 3);
  const offsets = Array.from({ length: bits }, () => {
    const offset = randomBelow(random, image.size);
    image.flipBit(offset, randomBelow(random, 8));
    return offset;
  });
  return `${name} at ${offsets.join(', ')}`;
}
