import { type Random, randomBelow, SeededRandom } from '../base/index.ts';
import type { Cluster } from '../client/index.ts';
import { around, type FaultKind, type PlannedFault } from './fault-plan.ts';
import type { Fleet } from './fleet.ts';
import type { SimulatedNetwork } from './network.ts';
import { drawPartition, isolate } from './partitions.ts';
import type { SimulatedProcess } from './process.ts';
import type { Profile } from './profile.ts';
import type { Scheduler } from './scheduler.ts';
import type { World } from './world.ts';

/** After these a leader may not know that it is none any more. */
const CHANGING_LEADERS: ReadonlySet<FaultKind> = new Set([
  'isolate-leader',
  'partition',
  'pause',
  'transfer',
]);
/** So many of them come in a rush. */
const RUSH_SHARE = 0.5;

/** So many failing calls are meant for the next write of term and vote, which is rare among the calls. */
const TERM_SHARE = 0.4;
/** After so many other calls, any call fails. */
const TERM_PATIENCE = 200;

/** Carries out a plan of faults, never with more than a minority of processes dead at once. */
export class Faults {
  readonly #plan: readonly PlannedFault[];
  readonly #scheduler: Scheduler;
  readonly #network: SimulatedNetwork;
  readonly #fleet: Fleet;
  readonly #profile: Profile;
  readonly #cluster: Cluster;
  readonly #say: (text: string) => void;
  readonly #note: (text: string) => void;
  /** Makes all clients busy with the same. */
  readonly #rush: (draw: number) => void;
  #stopped = false;
  /** Those that really happened. */
  count = 0;

  constructor(world: World, plan: readonly PlannedFault[], rush: (draw: number) => void) {
    this.#plan = plan;
    this.#rush = rush;
    this.#scheduler = world.scheduler;
    this.#network = world.network;
    this.#fleet = world.fleet;
    this.#profile = world.profile;
    this.#cluster = world.admin.cluster;
    this.#say = (text) => world.say(text);
    this.#note = (text) => world.note(text);
  }

  start(): void {
    for (const fault of this.#plan) {
      this.#scheduler.after(fault.atMs, () => {
        if (!this.#stopped) this.#strike(fault);
      });
    }
  }

  /** No more faults; everything heals and runs again. */
  async end(): Promise<void> {
    this.#stopped = true;
    this.#network.heal();
    this.#network.calm();
    const { processes } = this.#fleet;
    for (const member of processes) {
      member.disarm();
      member.disk.relieve();
    }
    const dead = processes.filter((member) => !member.running && !member.damaged);
    await Promise.all(dead.map((member) => member.start('resume')));
  }

  #strike({ number, kind, seed }: PlannedFault): void {
    const random = new SeededRandom(seed);
    const happened = this.#carryOut(kind, random);
    if (happened === undefined) return;
    this.count++;
    if (CHANGING_LEADERS.has(kind) && random.float() < RUSH_SHARE) this.#rush(random.float());
    this.#say(`fault ${number}: ${kind} ${happened}`);
  }

  /** What happened, in words; undefined when it could not. */
  #carryOut(kind: FaultKind, random: Random): string | undefined {
    if (kind === 'partition')
      return this.#cut(random, drawPartition(random, this.#fleet.addresses));
    if (kind === 'isolate-leader') {
      const leader = this.#fleet.leader?.address;
      return leader && this.#cut(random, isolate(this.#fleet.addresses, leader));
    }
    if (kind === 'transfer') {
      this.#cluster.transfer(undefined, { timeoutMs: 2000 }).catch(() => undefined);
      return 'of leadership';
    }
    const member = this.#pick(random);
    if (member === undefined) return undefined;
    return this.#atMember(kind, member, random);
  }

  #atMember(kind: FaultKind, member: SimulatedProcess, random: Random): string | undefined {
    const { downMs } = this.#profile;
    const { address, disk } = member;
    switch (kind) {
      case 'pause':
        member.pause(this.#scheduler.now() + around(random, 1000));
        return address;
      case 'disk-full':
        this.#for(downMs, random, disk.fillUp(disk.usedBytes + randomBelow(random, 100_000)));
        return address;
      case 'disk-slow':
        this.#for(downMs, random, disk.slowDown(10 + random.float() * 300));
        return address;
      default:
        return this.#die(kind, member, random);
    }
  }

  /** Ends something after about that time. */
  #for(meanMs: number, random: Random, end: () => void): void {
    this.#scheduler.after(around(random, meanMs), end);
  }

  /** Deaths; never of so many that no majority is left. */
  #die(kind: FaultKind, member: SimulatedProcess, random: Random): string | undefined {
    // Who has a failing call ahead is as good as dead.
    const running = this.#fleet.processes.filter((each) => each.running && !each.doomed);
    if (!member.running || member.damaged || running.length - 1 < this.#fleet.processes.length / 2)
      return undefined;
    const again = (): void => {
      this.#scheduler.after(around(random, this.#profile.downMs), () => {
        if (!member.running && !member.damaged) void member.start('resume');
      });
    };
    if (kind === 'disk-error' || kind === 'crash-in-call') {
      const call = randomBelow(random, 30);
      const fault = drawDiskFault(kind, random);
      const without = fault.kind === 'kill-after';
      const then = without ? () => this.#againWithoutPower(member, random) : again;
      if (random.float() >= TERM_SHARE) {
        member.failCall(call, fault, then);
        return `${member.address}, in ${call} calls: ${fault.kind}`;
      }
      member.failCall(TERM_PATIENCE, fault, then, /^metadata[12]$/);
      return `${member.address}, in the next write of term and vote: ${fault.kind}`;
    }
    member.stop(kind === 'power');
    again();
    return member.address;
  }

  /** What the dead process left in the caches of the system is taken up by the next one; then the power goes. */
  #againWithoutPower(member: SimulatedProcess, random: Random): void {
    const { downMs } = this.#profile;
    this.#scheduler.after(around(random, 100), () => {
      if (!member.running && !member.damaged) void member.start('resume');
      this.#scheduler.after(around(random, 1000), () => {
        if (this.#stopped || member.damaged) return;
        member.stop(true);
        this.#scheduler.after(around(random, downMs), () => {
          if (!member.running && !member.damaged) void member.start('resume');
        });
      });
    });
  }

  #pick(random: Random): SimulatedProcess | undefined {
    const { processes, leader } = this.#fleet;
    if (leader !== undefined && random.float() < 0.4) return leader;
    return processes[randomBelow(random, processes.length)];
  }

  #cut(random: Random, cuts: readonly (readonly [string, string])[]): string | undefined {
    if (cuts.length === 0) return undefined;
    for (const [from, to] of cuts) this.#network.cut(from, to);
    this.#scheduler.after(around(random, this.#profile.partitionMs), () => {
      if (this.#stopped) return;
      for (const [from, to] of cuts) this.#network.mend(from, to);
      this.#note(`mended: ${text}`);
    });
    const text = cuts.map(([from, to]) => `${short(from)}>${short(to)}`).join(' ');
    return text;
  }
}

function drawDiskFault(kind: FaultKind, random: Random) {
  if (kind === 'crash-in-call') {
    const kinds = ['crash-before', 'crash-after', 'kill-after'] as const;
    return { kind: kinds[randomBelow(random, kinds.length)] };
  }
  const kinds = ['error', 'short', 'lost'] as const;
  return { kind: kinds[randomBelow(random, kinds.length)], code: 'EIO' } as const;
}

function short(address: string): string {
  return address.replace(/^node-(\d+):.*$/, '$1');
}
