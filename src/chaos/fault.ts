import type { Random } from '../base/index.ts';
import type { Fleet } from './fleet.ts';
import type { Machine } from './machine.ts';

/** What faults act on. */
export interface FaultContext {
  readonly fleet: Fleet;
  readonly random: Random;
  /** Told of each thing done, for the report and for reading afterwards. */
  readonly note: (text: string) => void;
  /** A machine that led is about to be unable to. */
  readonly leaderHit: (machine: Machine) => void;
}

/** Ends a fault. */
export type Cure = () => Promise<void>;

/** Begins a fault; undefined when there is nothing that it could do now. */
export type Fault = (context: FaultContext) => Promise<Cure | undefined>;

/** All values in a random order. */
export function shuffled<T>(random: Random, values: readonly T[]): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random.float() * (i + 1));
    const [a, b] = [result[i], result[j]];
    if (a !== undefined && b !== undefined) [result[i], result[j]] = [b, a];
  }
  return result;
}

/** Machines whose process can be harmed: one, the leader, less than half, more than half or all. */
export async function victims(context: FaultContext): Promise<Machine[]> {
  const { fleet, random } = context;
  const running = fleet.machines.filter((m) => m.process.running && !m.process.paused && !m.absent);
  const leader = await fleet.leader();
  const count = running.length;
  const draw = random.float();
  let chosen: Machine[];
  if (draw < 0.35 && leader !== undefined && running.includes(leader)) chosen = [leader];
  else if (draw < 0.65) chosen = shuffled(random, running).slice(0, 1);
  else if (draw < 0.8) chosen = shuffled(random, running).slice(0, Math.ceil(count / 2) - 1);
  else if (draw < 0.92) chosen = shuffled(random, running).slice(0, Math.floor(count / 2) + 1);
  else chosen = running;
  if (leader !== undefined && chosen.includes(leader)) context.leaderHit(leader);
  return chosen;
}

export function names(machines: readonly Machine[]): string {
  return machines.map(({ name }) => name).join(' ');
}
