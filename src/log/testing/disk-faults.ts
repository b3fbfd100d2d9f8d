import { type Random, SeededRandom } from '../../base/index.ts';
import { type DiskCall, type DiskFault, SimulatedDisk } from '../../sim/disk.ts';

/** One way in which a disk call can fail, and what follows. */
export interface Way {
  readonly name: string;
  readonly fault: DiskFault;
  /** Also all calls after the first. */
  readonly persistent?: boolean;
  /** Only calls that take space can fail so. */
  readonly space?: boolean;
}

/** The faults of a disk that a log must survive. */
export const WAYS: readonly Way[] = [
  { name: 'EIO', fault: { kind: 'error', code: 'EIO' } },
  { name: 'EIO from then on', fault: { kind: 'error', code: 'EIO' }, persistent: true },
  { name: 'ENOSPC', fault: { kind: 'error', code: 'ENOSPC' } },
  {
    name: 'ENOSPC from then on',
    fault: { kind: 'error', code: 'ENOSPC' },
    persistent: true,
    space: true,
  },
  { name: 'a short write, then EIO', fault: { kind: 'short', code: 'EIO' } },
  { name: 'a short write, then ENOSPC', fault: { kind: 'short', code: 'ENOSPC' } },
  { name: 'EIO and lost pages', fault: { kind: 'lost', code: 'EIO' } },
  { name: 'power loss before', fault: { kind: 'crash-before' } },
  { name: 'power loss after', fault: { kind: 'crash-after' } },
];

const SPACE = new Set(['create', 'write', 'write-durable', 'allocate']);

/** True when this way does something else than a plain error to a call of this kind. */
export function applies(way: Way, call: DiskCall): boolean {
  const { kind } = way.fault;
  if (kind === 'short') return SPACE.has(call.kind) && call.kind !== 'create';
  if (kind === 'lost') return call.kind === 'write-durable' || call.kind === 'sync';
  return !way.space || SPACE.has(call.kind);
}

/** The fault hook that makes the call of this number fail. */
export function failing(way: Way, number: number): (call: DiskCall) => DiskFault | undefined {
  return (call) => {
    const due = way.persistent ? call.number >= number : call.number === number;
    return due && applies(way, call) ? way.fault : undefined;
  };
}

/**
 * What a crash leaves is drawn. The first two draws are the extremes: nothing that was not synced survives, and all content
 * but no change of a name.
 */
export function drawOf(draw: number, seed: number): Random {
  if (draw > 1) return new SeededRandom(seed);
  const value = draw === 0 ? 0 : 1 - 2 ** -32;
  return { float: () => value, uint32: () => Math.floor(value * 2 ** 32) };
}

/** The files of a disk, to begin from them again and again. */
export type Image = readonly (readonly [name: string, content: Uint8Array])[];

export function imageOf(disk: SimulatedDisk): Image {
  return disk.names().map((name) => [name, disk.image(name).content.slice()] as const);
}

/** A disk that holds these files, durable. */
export function diskWith(image: Image, random: Random): SimulatedDisk {
  const disk = new SimulatedDisk({ random });
  for (const [name, content] of image) disk.put(name, content);
  return disk;
}
