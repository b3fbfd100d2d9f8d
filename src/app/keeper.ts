import type { Member } from '../base/index.ts';
import { type Client, type Cluster, createClient } from '../client/index.ts';
import { systemClock } from '../net/index.ts';
import { adjustRoles, type MemberState, type RoleTargets } from '../node/index.ts';
import { depart } from './departure.ts';
import type { TaskContext } from './join.ts';
import { probeMember } from './member-probe.ts';
import { writeMembers } from './membership-file.ts';
import type { NodeOptions } from './options.ts';
import { unmarkFresh } from './start-flags.ts';

const ROUND_MS = 1_000;
/** So long a member must be offline before its role is given to another: a restart is not a loss. */
const OFFLINE_MS = 10_000;
/** While nothing changes and raft hears of everybody, members are asked so seldom what they are. */
const CALM_MS = 10_000;
const HEARD_MS = 1_000;
const TARGETS: RoleTargets = { voters: 3, standBys: 3 };

/** Background care of a node: keeps `cluster.yaml`, and on the leader gives members their roles. */
export class Keeper {
  readonly #context: TaskContext;
  readonly #targets: RoleTargets | undefined;
  readonly #onlineAt = new Map<bigint, number>();
  /** Members that did not answer when they were asked last. */
  readonly #silent = new Set<bigint>();
  #members: readonly Member[] = [];
  #isFresh: boolean;
  #leadingSince = 0;
  /** When all were as wanted, and online, nothing is asked until then. */
  #calmUntil = 0;
  #client: Client | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;
  #done: Promise<void> = Promise.resolve();
  #stop: () => void = () => undefined;
  /** Resolves when this ends: what takes long is not waited for. */
  readonly #stopping = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });

  constructor(context: TaskContext, roles: NodeOptions['roles'], isFresh: boolean) {
    this.#context = context;
    this.#isFresh = isFresh;
    this.#targets =
      roles === 'manual'
        ? undefined
        : {
            voters: roles?.voters ?? TARGETS.voters,
            standBys: roles?.standbys ?? TARGETS.standBys,
          };
  }

  start(): void {
    this.#context.node.on((event) => {
      if (event.kind === 'role' && event.role === 'leader') this.#leadingSince = systemClock.now();
      if (event.kind !== 'members' && event.kind !== 'role') return;
      this.#calmUntil = 0;
      this.#wake?.();
    });
    this.#done = this.#run();
  }

  /**
   * Resolves when nothing is written any more. `handover`: hands this node's role and leadership over first. A promotion that is under
   * way, or a member that does not answer, is not waited for.
   */
  async stop(handover: boolean): Promise<void> {
    this.#stopped = true;
    this.#stop();
    this.#wake?.();
    await this.#done;
    if (handover) {
      const { node } = this.#context;
      await depart({ node, cluster: this.#cluster(), givesRole: this.#targets !== undefined });
    }
    await this.#client?.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#keepMembersFile();
        if (this.#targets !== undefined && this.#context.node.isLeader()) {
          await this.#adjust(this.#targets);
        }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#context.log('debug', 'a round of care failed', { reason });
      }
      if (!this.#stopped) await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = systemClock.after(ROUND_MS, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        timer.cancel();
        resolve();
      };
    });
  }

  async #keepMembersFile(): Promise<void> {
    const { members } = this.#context.node.status();
    if (members.length === 0 || sameMembers(members, this.#members)) return;
    if (this.#isFresh) await unmarkFresh(this.#context.disk);
    this.#isFresh = false;
    await writeMembers(this.#context.disk, members);
    this.#members = members;
  }

  /** Until all is as wanted, or this node leads no more. */
  async #adjust(targets: RoleTargets): Promise<void> {
    const { node, log } = this.#context;
    if (this.#isCalm()) return;
    for (let round = 0; round < 16 && !this.#stopped && node.isLeader(); round++) {
      const { id, members } = node.status();
      const states = await this.#unlessStopped(
        Promise.all(members.map((member) => this.#probe(member))),
      );
      if (states === undefined) return;
      const change = adjustRoles(states, id, targets);
      if (change === undefined && members.every(({ id: member }) => !this.#silent.has(member))) {
        this.#calmUntil = systemClock.now() + CALM_MS;
      }
      if (change === undefined || !node.isLeader() || this.#stopped) return;
      let accepted = false;
      for (const candidate of change.candidates) {
        try {
          await this.#unlessStopped(node.assign(candidate, change.role));
          if (this.#stopped) return;
          log('info', 'role assigned', { id: candidate, role: change.role });
          accepted = true;
          break;
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          log('debug', 'role not accepted', { id: candidate, role: change.role, reason });
        }
      }
      if (!accepted) return;
    }
  }

  #isCalm(): boolean {
    const now = systemClock.now();
    if (now >= this.#calmUntil || !this.#context.node.hasHeardAll(HEARD_MS)) return false;
    for (const id of this.#onlineAt.keys()) this.#onlineAt.set(id, now);
    return true;
  }

  async #probe(member: Member): Promise<MemberState> {
    const { node } = this.#context;
    if (member.id === node.status().id) {
      const { failureDomain, weight } = node;
      return { ...member, online: true, failureDomain, weight };
    }
    const state = await probeMember(this.#cluster(), member);
    const now = systemClock.now();
    if (state.online) {
      this.#onlineAt.set(member.id, now);
      this.#silent.delete(member.id);
      return state;
    }
    this.#silent.add(member.id);
    // A new leader has seen nobody yet: its patience begins with its leadership.
    const since = now - Math.max(this.#leadingSince, this.#onlineAt.get(member.id) ?? 0);
    return { ...state, online: since < OFFLINE_MS && member.role !== 'spare' };
  }

  #unlessStopped<T>(promise: Promise<T>): Promise<T | undefined> {
    return Promise.race([promise, this.#stopping.then(() => undefined)]);
  }

  /** One client for all probes: connections stay. */
  #cluster(): Cluster {
    const { node, network, random } = this.#context;
    this.#client ??= createClient({
      network,
      random,
      clock: systemClock,
      servers: [node.status().address],
    });
    return this.#client.cluster;
  }
}

function sameMembers(a: readonly Member[], b: readonly Member[]): boolean {
  return (
    a.length === b.length &&
    a.every((member, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        member.id === other.id &&
        member.address === other.address &&
        member.role === other.role
      );
    })
  );
}
