import { type Member, QuorateError, type Random, type Role, randomBelow } from '../base/index.ts';
import type { Cluster } from '../client/index.ts';
import { damageDisk } from './damage.ts';
import type { Fleet } from './fleet.ts';
import type { SimulatedProcess } from './process.ts';
import type { Profile } from './profile.ts';
import type { Scheduler } from './scheduler.ts';
import type { World } from './world.ts';

const CALL_MS = 3_000;
const RETRY_MS = 200;
/** Between two requests of somebody impatient, at most. */
const RIVAL_MS = 200;
/** So many of the changes of one member give its machine another address, if there is one. */
const MOVE_SHARE = 0.25;

/**
 * Changes of the membership: machines join, change their role, move to another address, are removed, scrapped, and come
 * back empty under a new id. Nothing is scrapped before the cluster says that it is no member.
 */
export class Churn {
  readonly #fleet: Fleet;
  readonly #cluster: Cluster;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  /** Of machines that move. */
  readonly #moving: Random;
  readonly #profile: Profile;
  readonly #say: (text: string) => void;
  /** As many machines the cluster is to have; drawn anew when it is reached. */
  #wanted: number;
  #stopped = false;
  #done: Promise<void> | undefined;
  changes = 0;
  /** Of these, machines that came back at another address. */
  moves = 0;

  constructor(world: World) {
    this.#fleet = world.fleet;
    this.#cluster = world.admin.cluster;
    this.#scheduler = world.scheduler;
    this.#random = world.stream('churn');
    this.#moving = world.stream('moving');
    this.#profile = world.profile;
    this.#say = (text) => world.say(text);
    this.#wanted = world.profile.addresses;
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
    const { processes } = this.#fleet;
    const [vacant] = this.#fleet.vacant();
    if (processes.length === this.#wanted) this.#drawWanted();
    if (vacant !== undefined && processes.length < this.#wanted) {
      const member = this.#fleet.create(vacant);
      const role: Role = this.#random.float() < 0.8 ? 'voter' : 'stand-by';
      this.#say(`change: ${member.id} joins at ${vacant} as ${role}`);
      await member.start('wait');
      const joined = this.join(member, role);
      await this.#rival(member, role, joined);
      return;
    }
    await this.#changeOne(processes[randomBelow(this.#random, processes.length)]);
  }

  /** 1, 3 and 5 voters want to be seen, with every step between them. */
  #drawWanted(): void {
    const most = this.#profile.addresses;
    const choices = [1, 3, most - 1, most].filter((size) => size >= 1 && size <= most);
    this.#wanted = choices[randomBelow(this.#random, choices.length)];
  }

  async #changeOne(victim: SimulatedProcess): Promise<void> {
    const members = await this.#members();
    const voters = members.filter((member) => member.role === 'voter').length;
    const role = members.find(({ id }) => id === victim.id)?.role;
    if (role === 'voter' && voters === 1) return;
    const [vacant] = this.#fleet.vacant();
    if (role !== undefined && vacant !== undefined && this.#moving.float() < MOVE_SHARE) {
      const first = voters >= 3 && this.#moving.float() < 0.5;
      await this.move(victim, role, vacant, first);
      return;
    }
    if (role === 'stand-by' && this.#random.float() < 0.5) {
      await this.join(victim, 'voter');
      return;
    }
    if (role === 'voter' && this.#random.float() < 0.2) {
      this.#say(`change: ${victim.id} becomes a spare`);
      await this.#demote(victim);
      return;
    }
    // Damage is done by nobody else, and nothing else changes before its victim is no member any more. So of whatever is committed a
    // majority has a sound copy: of three voters the other two.
    if (voters >= 3 && this.#random.float() < this.#profile.damageShare) {
      await this.#damage(victim);
      await this.#sleep(this.#random.float() * 5000);
    }
    this.#say(`change: ${victim.id} is removed`);
    await this.remove(victim);
    // A removed node that still runs must not disturb the others.
    await this.#sleep(this.#random.float() * 2000);
    this.#fleet.scrap(victim);
  }

  /**
   * A machine gets another address and keeps disk and id. The members know addresses from the configuration only, so it is removed and
   * added again: before, or (`first`), where the others are a majority without it, after it has come back at a place where nobody looks for it.
   */
  async move(victim: SimulatedProcess, role: Role, to: string, first: boolean): Promise<void> {
    this.#say(`change: ${victim.id} moves to ${to}, ${first ? 'then' : 'after'} it is removed`);
    if (!first) await this.remove(victim);
    victim.stop(this.#moving.float() < 0.5);
    victim.move(to);
    await victim.start('resume');
    if (first) await this.#sleep(this.#moving.float() * 5000);
    if (first) await this.remove(victim);
    await this.join(victim, role);
    this.moves++;
  }

  /** A machine loses its files, or some bits of them, and is started again. */
  async #damage(victim: SimulatedProcess): Promise<void> {
    victim.stop(this.#random.float() < 0.5);
    victim.damaged = true;
    if (this.#random.float() < 0.4) {
      this.#say(`change: ${victim.id} loses all its files`);
      await victim.startEmpty();
      return;
    }
    const what = damageDisk(victim.disk, this.#random);
    this.#say(`change: ${victim.id} is damaged: ${what ?? 'nothing'}`);
    await victim.start('resume');
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

  /** Somebody else wants the same at the same time and does not wait for answers: changes come while another is under way. */
  async #rival(member: SimulatedProcess, role: Role, joined: Promise<void>): Promise<void> {
    let done = false;
    const end = joined.finally(() => {
      done = true;
    });
    if (this.#random.float() < 0.5) {
      while (!done) {
        await this.#sleep(this.#random.float() * RIVAL_MS);
        this.#cluster.assign(member.id, role, { timeoutMs: CALL_MS }).catch(() => undefined);
      }
    }
    await end;
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
