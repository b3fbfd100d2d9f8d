import { logIndex, type Random, randomBelow } from '../base/index.ts';
import type { Cluster } from '../client/index.ts';
import type { Fleet } from './fleet.ts';
import type { SimulatedNetwork } from './network.ts';
import type { SimulatedProcess } from './process.ts';
import type { Profile } from './profile.ts';
import type { Scheduler } from './scheduler.ts';
import type { World } from './world.ts';

/** Kills, restarts, pauses, cuts and transfers at random, never more than a minority of processes dead at once. */
export class Faults {
  readonly #scheduler: Scheduler;
  readonly #network: SimulatedNetwork;
  readonly #random: Random;
  readonly #fleet: Fleet;
  readonly #profile: Profile;
  readonly #cluster: Cluster;
  #stopped = false;
  count = 0;

  constructor(world: World) {
    this.#scheduler = world.scheduler;
    this.#network = world.network;
    this.#random = world.random;
    this.#fleet = world.fleet;
    this.#profile = world.profile;
    this.#cluster = world.admin.cluster;
  }

  start(): void {
    this.#scheduler.after(this.#around(this.#profile.faultEveryMs), () => {
      if (this.#stopped) return;
      this.#strike();
      this.start();
    });
  }

  /** No more faults; everything heals and runs again. */
  async end(): Promise<void> {
    this.#stopped = true;
    this.#network.heal();
    this.#network.faults = { ...this.#network.faults, resetRate: 0, stallRate: 0 };
    const { processes } = this.#fleet;
    for (const { disk } of processes) disk.setCapacity(Number.POSITIVE_INFINITY);
    const dead = processes.filter((member) => !member.running);
    await Promise.all(dead.map((member) => member.start('resume')));
  }

  #strike(): void {
    this.count++;
    const kind = this.#random.float();
    if (kind < 0.45) this.#kill();
    else if (kind < 0.8) this.#partition();
    else if (kind < 0.88) this.#pause();
    else if (kind < 0.93) this.#fillDisk();
    else this.#cluster.transfer(undefined, { timeoutMs: 2000 }).catch(() => undefined);
  }

  #kill(): void {
    const running = this.#fleet.processes.filter((member) => member.running);
    if (running.length <= this.#fleet.processes.length / 2) return;
    const leader = running.find((member) => member.node?.isLeader() === true);
    const victim =
      leader !== undefined && this.#random.float() < 0.5
        ? leader
        : running[randomBelow(this.#random, running.length)];
    this.#noteCounted(victim);
    victim.stop(this.#random.float() < this.#profile.powerLossShare);
    this.#scheduler.after(this.#around(this.#profile.downMs), () => {
      if (!victim.running) void victim.start('resume');
    });
  }

  /** What leaders of the victim's term have counted as stored on it must be there after the crash. */
  #noteCounted(victim: SimulatedProcess): void {
    const own = victim.node?.status();
    let counted = 0;
    for (const { node } of this.#fleet.processes) {
      if (node === undefined || own === undefined) continue;
      const status = node.status();
      if (status.role !== 'leader' || status.term !== own.term) continue;
      const follower = status.followers.find(({ id }) => id === victim.id);
      counted = Math.max(
        counted,
        follower?.match ?? 0,
        status.id === victim.id ? status.stored : 0,
      );
    }
    victim.counted(logIndex(counted));
  }

  #partition(): void {
    const hosts = this.#fleet.addresses;
    const side = hosts.filter(() => this.#random.float() < 0.5);
    const oneWay = this.#random.float() < 0.3;
    for (const a of hosts) {
      for (const b of hosts) {
        if (side.includes(a) === side.includes(b)) continue;
        if (!oneWay || side.includes(a)) this.#network.cut(a, b);
      }
    }
    this.#scheduler.after(this.#around(this.#profile.partitionMs), () => this.#network.heal());
  }

  #pause(): void {
    const { processes } = this.#fleet;
    const member = processes[randomBelow(this.#random, processes.length)];
    member.pause(this.#scheduler.now() + this.#around(1000));
  }

  /** No space for anything more, for a while. */
  #fillDisk(): void {
    const { processes } = this.#fleet;
    const { disk } = processes[randomBelow(this.#random, processes.length)];
    disk.setCapacity(disk.usedBytes + randomBelow(this.#random, 100_000));
    const until = this.#around(this.#profile.downMs);
    this.#scheduler.after(until, () => disk.setCapacity(Number.POSITIVE_INFINITY));
  }

  /** Exponentially distributed. */
  #around(meanMs: number): number {
    return -Math.log(1 - this.#random.float()) * meanMs;
  }
}
