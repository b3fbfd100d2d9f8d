import { randomBelow } from '../base/index.ts';
import { damageDisk } from './damage.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/**
 * More goes wrong than a cluster can survive: at one moment the power goes everywhere, and then most disks are damaged. What it has to do
 * is to say so. It may serve again, if what was hit does not matter; then everything acknowledged must be there.
 */
export class BeyondAtlas {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Strikes somewhere in the middle of a run of that length. */
  start(durationMs: number): void {
    const random = this.#world.stream('beyond the atlas');
    this.#world.scheduler.after(durationMs * (0.2 + 0.5 * random.float()), () => {
      const { processes } = this.#world.fleet;
      const least = Math.floor(processes.length / 2) + 1;
      const count = least + randomBelow(random, processes.length - least + 1);
      for (const machine of processes) machine.stop(true);
      for (const machine of processes.slice(0, count)) {
        machine.damaged = true;
        const what = damageDisk(machine.disk, random);
        this.#world.say(`beyond the atlas: ${machine.id} is damaged: ${what ?? 'nothing'}`);
      }
      for (const machine of processes) void machine.start('resume');
    });
  }

  /** LIVE may be broken when somebody said why: refused to start, or has put itself under quarantine. */
  async unlessDead(proof: () => Promise<void>): Promise<void> {
    try {
      await proof();
    } catch (error) {
      const { processes } = this.#world.fleet;
      const explained = processes.some(
        ({ damaged, running, node }) =>
          damaged && (!running || node?.status().quarantined !== false),
      );
      if (!(error instanceof Violation) || error.invariant !== 'LIVE' || !explained) throw error;
    }
  }
}
