import { type Member, QuorateError } from '../base/index.ts';
import { type Client, createClient, type NodeStatusReport } from '../client/index.ts';
import { SystemRandom, systemClock } from '../net/index.ts';
import { ClientNetwork, DirectNetwork, LinkProxy, targetOf } from './link-proxy.ts';
import { LinkTable, type Target } from './link-table.ts';
import type { Machine, MachineStyle } from './machine.ts';
import { socketOwner } from './socket-owner.ts';
import { eventually } from './waiting.ts';

const STATUS_MS = 1_000;
const ADMIN_MS = 5_000;
const FORM_LIMIT_MS = 60_000;
/** What nodes look after by themselves. */
const AUTOMATIC_VOTERS = 3;

/** A client of the harness whose links can be cut. */
export interface FleetClient {
  readonly name: string;
  readonly client: Client;
  close(): Promise<void>;
}

/** Machines, the links between them, and an administrator who reaches each over a link that never fails. */
export class Fleet {
  readonly machines: readonly Machine[];
  readonly links = new LinkTable();
  readonly admin: Client;
  readonly #style: MachineStyle;
  readonly #proxies: LinkProxy[] = [];
  readonly #clients = new Set<string>();
  #nextId: bigint;
  #founded = false;

  constructor(machines: readonly Machine[], style: MachineStyle) {
    this.machines = machines;
    this.#style = style;
    this.#nextId = BigInt(machines.length) + 1n;
    this.admin = createClient({
      network: new DirectNetwork((address) => this.#locate(address)),
      clock: systemClock,
      random: new SystemRandom(),
      servers: machines.map(({ address }) => address),
    });
  }

  get addresses(): string[] {
    return this.machines.map(({ address }) => address);
  }

  /** A finding that fails the run. */
  report(finding: string): void {
    this.#style.report(finding);
  }

  get manual(): boolean {
    return this.#style.roles === 'manual';
  }

  get clients(): readonly string[] {
    return [...this.#clients];
  }

  /** Opens the proxies, starts the first machine, then the others one after another, until all are members. */
  async form(): Promise<void> {
    for (const machine of this.machines) {
      this.#proxies.push(
        await LinkProxy.listen({
          listen: targetOf(machine.address),
          target: targetOf(machine.bind),
          to: machine.name,
          caller: (socket) => this.#callerOf(socketOwner(socket, this.#pids())),
          links: this.links,
        }),
      );
    }
    for (const machine of this.machines) {
      if (!(await this.start(machine))) throw new Error(`${machine.name} did not start`);
      if (this.manual && machine !== this.machines[0]) await this.enrol(machine);
    }
    await this.settled(FORM_LIMIT_MS);
  }

  /** Starts the process of a machine on what its disk has. */
  start(machine: Machine): Promise<boolean> {
    const first = machine === this.machines[0] && !machine.absent && !this.#founded;
    const others = this.addresses.filter((address) => address !== machine.address);
    if (first) this.#founded = true;
    return machine.start(first ? [] : others);
  }

  /** The network of a client with links of its own. `without`: dialling this machine fails at once. */
  network(name: string, without?: Machine): ClientNetwork {
    this.#clients.add(name);
    return new ClientNetwork(
      name,
      this.links,
      (address) => {
        if (address === without?.address) throw new Error(`${name} knows no way to ${address}`);
        return this.#locate(address);
      },
      () => this.#clients.delete(name),
    );
  }

  /** A client with links of its own. */
  client(name: string, without?: Machine): FleetClient {
    const network = this.network(name, without);
    const client = createClient({
      network,
      clock: systemClock,
      random: new SystemRandom(),
      servers: this.addresses.filter((address) => address !== without?.address),
    });
    return {
      name,
      client,
      close: async () => {
        await client.close();
        await network.close();
      },
    };
  }

  /** The machine that leads with the highest term, if one says so. */
  async leader(): Promise<Machine | undefined> {
    const claims = await Promise.all(this.machines.map((machine) => this.#claim(machine)));
    const best = claims.reduce((a, b) => (b.term > a.term ? b : a), {
      term: 0,
      machine: undefined,
    });
    if (best.machine !== undefined) return best.machine;
    return this.#leaderByHearsay();
  }

  /** The state of a machine by its own account; undefined when it does not answer. */
  async status(machine: Machine): Promise<NodeStatusReport | undefined> {
    if (machine.kind === 'c' || !machine.process.running || machine.process.paused)
      return undefined;
    try {
      return await this.admin.cluster.status(machine.address, { timeoutMs: STATUS_MS });
    } catch (error) {
      if (error instanceof QuorateError) return undefined;
      throw error;
    }
  }

  members(): Promise<Member[]> {
    return this.admin.cluster.members({ timeoutMs: ADMIN_MS });
  }

  async memberOf(machine: Machine): Promise<Member | undefined> {
    return (await this.members()).find(({ address }) => address === machine.address);
  }

  /** Makes a machine that waits to be added a voter. Repeats itself until it is one. */
  async enrol(machine: Machine): Promise<void> {
    const options = { timeoutMs: ADMIN_MS };
    await eventually(`${machine.name} to be a voter`, FORM_LIMIT_MS, async () => {
      const member = await this.memberOf(machine);
      if (member === undefined) await this.admin.cluster.add(machine.id, machine.address, options);
      if (member?.role !== 'voter') await this.admin.cluster.assign(machine.id, 'voter', options);
      return (await this.memberOf(machine))?.role === 'voter';
    });
  }

  /** Removes whoever is a member with the address of this machine. False when it is not certain that nobody is. */
  async expel(machine: Machine): Promise<boolean> {
    return eventually(`${machine.name} to be no member`, FORM_LIMIT_MS, async () => {
      const member = await this.memberOf(machine);
      if (member !== undefined) await this.admin.cluster.remove(member.id, { timeoutMs: ADMIN_MS });
      return (await this.memberOf(machine)) === undefined;
    }).then(
      () => true,
      () => false,
    );
  }

  /** An id that nobody had. */
  newId(): bigint {
    return this.#nextId++;
  }

  /** Until all machines that should be members are, with the wanted number of voters, under one leader. */
  async settled(limitMs: number): Promise<void> {
    const present = this.machines.filter(({ absent }) => !absent);
    const voters = this.manual ? present.length : Math.min(AUTOMATIC_VOTERS, present.length);
    // Where nobody changes roles by itself, a change that a fault cut short is finished by whoever began it.
    if (this.manual) for (const machine of present) await this.enrol(machine);
    await eventually(`${present.length} members, ${voters} voters`, limitMs, async () => {
      const members = await this.members();
      const known = new Set(members.map(({ address }) => address));
      return (
        members.length === present.length &&
        present.every(({ address }) => known.has(address)) &&
        members.filter(({ role }) => role === 'voter').length >= voters
      );
    });
  }

  /** Ends all processes at once; `keep`: their data stays. */
  destroy(keep: boolean): void {
    for (const proxy of this.#proxies) proxy.close();
    this.links.destroy();
    for (const machine of this.machines) machine.destroy(keep);
  }

  async #claim(
    machine: Machine,
  ): Promise<{ readonly term: number; readonly machine: Machine | undefined }> {
    const status = await this.status(machine);
    return status?.role === 'leader'
      ? { term: status.term, machine }
      : { term: 0, machine: undefined };
  }

  /** C nodes have no status. */
  async #leaderByHearsay(): Promise<Machine | undefined> {
    try {
      const leader = await this.admin.cluster.leader({ timeoutMs: STATUS_MS });
      return this.machines.find(({ address }) => address === leader?.address);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      return undefined;
    }
  }

  #pids(): number[] {
    return this.machines.flatMap(({ process: { pid } }) => (pid === undefined ? [] : [pid]));
  }

  #callerOf(pid: number | undefined): string | undefined {
    if (pid === undefined) return undefined;
    return this.machines.find((machine) => machine.process.pid === pid)?.name;
  }

  #locate(address: string): { readonly place: string; readonly target: Target } {
    const machine = this.machines.find((candidate) => candidate.address === address);
    if (machine === undefined) throw new Error(`no machine has the address ${address}`);
    return { place: machine.name, target: targetOf(machine.bind) };
  }
}
