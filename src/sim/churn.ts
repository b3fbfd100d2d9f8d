import { type Member, QuorateError, type Random, type Role, randomBelow } from '../base/index.ts';
import type { Cluster } from '../client/index.ts';
import type { Fleet } from './fleet.ts';
import type { SimulatedProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';

const CALL_MS = 3_000;
const RETRY_MS = 200;

/**
 * Changes of the membership: machines join, change their role, are removed, scrapped, and come back empty under a
 * new id. Nothing is scrapped before the cluster says that it is no member.
 */
export class Churn {
  readonly #fleet: Fleet;
  readonly #cluster: Cluster;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #stopped = false;
  #done: Promise<void> | undefined;
  changes = 0;

  constructor(fleet: Fleet, cluster: Cluster, scheduler: Scheduler, random: Random) {
    this.#fleet = fleet;
    this.#cluster = cluster;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  start(everyMs: number): void {
    this.#done = this.#run(everyMs);
  }

  /** Resolves when the change under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(everyMs: number): Promise<void> {
    for (;;) {
      await this.#sleep(this.#random.float() * 2 * everyMs);
      if (this.#stopped) return;
      await this.#change();
      this.changes++;
    }
  }

  async #change(): Promise<void> {
    const [vacant] = this.#fleet.vacant();
    if (vacant !== undefined) {
      const member = this.#fleet.create(vacant);
      await member.start('wait');
      const role: Role = this.#random.float() < 0.8 ? 'voter' : 'stand-by';
      await this.join(member, role);
      return;
    }
    const { processes } = this.#fleet;
    const victim = processes[randomBelow(this.#random, processes.length)];
    const members = await this.#members();
    const voters = members.filter((member) => member.role === 'voter').length;
    const role = members.find(({ id }) => id === victim.id)?.role;
    if (role === 'voter' && voters <= 2) return;
    if (role === 'stand-by' && this.#random.float() < 0.5) await this.join(victim, 'voter');
    else if (role === 'voter' && this.#random.float() < 0.2) await this.#demote(victim);
    else {
      await this.remove(victim);
      // A removed node that still runs must not disturb the others.
      await this.#sleep(this.#random.float() * 2000);
      this.#fleet.scrap(victim);
    }
  }

  /** Adds a machine and gives it a role, however often that takes. */
  async join(member: SimulatedProcess, role: Role): Promise<void> {
    const { id, address } = member;
    await this.#until(
      (members) => members.some((each) => each.id === id && each.role === role),
      async (members) => {
        if (!members.some((each) => each.id === id)) {
          await this.#cluster.add(id, address, { timeoutMs: CALL_MS });
        }
        await this.#cluster.assign(id, role, { timeoutMs: 4 * CALL_MS });
      },
    );
  }

  async #demote(member: SimulatedProcess): Promise<void> {
    await this.#until(
      (members) => members.some(({ id, role }) => id === member.id && role !== 'voter'),
      () => this.#cluster.assign(member.id, 'spare', { timeoutMs: CALL_MS }),
    );
  }

  /**
   * Resolves when the removal is committed: a leader confirmed it, or does not know the member while no change
   * is under way. A list of members would not do, it may show a change that is undone later.
   */
  async remove(member: SimulatedProcess): Promise<void> {
    for (;;) {
      try {
        await this.#cluster.remove(member.id, { timeoutMs: CALL_MS });
        return;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        if (error.message.includes('ID is not valid')) {
          if (!(await this.#members()).some(({ id }) => id === member.id)) return;
        }
      }
      await this.#sleep(RETRY_MS);
    }
  }

  /** Repeats what is refused or lost until a leader shows the result. */
  async #until(
    reached: (members: readonly Member[]) => boolean,
    attempt: (members: readonly Member[]) => Promise<void>,
  ): Promise<void> {
    for (;;) {
      const members = await this.#members();
      if (reached(members)) return;
      await attempt(members).catch((error: unknown) => {
        if (!(error instanceof QuorateError)) throw error;
      });
      await this.#sleep(RETRY_MS);
    }
  }

  async #members(): Promise<readonly Member[]> {
    for (;;) {
      try {
        return await this.#cluster.members({ timeoutMs: CALL_MS });
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
      }
      await this.#sleep(RETRY_MS);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#scheduler.after(ms, resolve));
  }
}
