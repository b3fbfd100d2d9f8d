import {
  type HashFactory,
  type LogLevel,
  type NodeId,
  QuorateError,
  SeededRandom,
  utf8,
} from '../base/index.ts';
import { type Client, createClient, type DatabaseDigest } from '../client/index.ts';
import { crc32 } from '../wire/index.ts';
import { SchemaWitness } from './checkers/index.ts';
import { Churn } from './churn.ts';
import { Fleet } from './fleet.ts';
import { Invariants, Violation } from './invariants.ts';
import { SimulatedNetwork } from './network.ts';
import type { Environment } from './process.ts';
import type { Profile } from './profile.ts';
import { Scheduler } from './scheduler.ts';
import { TraceHash } from './trace-hash.ts';
import {
  createTables,
  expectQuorateError,
  Mix,
  type ParticipantHost,
  UPGRADES_SUBJECT,
} from './workloads/index.ts';

/** The database of all runs. */
export const DATABASE = 'sim';
const SETUP_MS = 60_000;
const CALL_MS = 30_000;
const RETRY_MS = 100;
/** Within which migrations are done once faults have ended. */
const MIGRATIONS_MS = 45_000;
/** So long a wall clock stands at one offset. */
const WALL_JUMP_EVERY_MS = 1500;

/** What a world needs of the platform; nothing in it decides what happens. */
export interface Platform {
  /** SQLite, compiled. */
  readonly module: WebAssembly.Module;
  readonly hash: HashFactory;
  /** Lets promises settle between two events. */
  readonly turn: () => Promise<void>;
}

/** Simulated time, network and machines, all from one seed; and the loop that lets time pass. */
export class World {
  readonly scheduler = new Scheduler();
  readonly invariants = new Invariants();
  readonly trace = new TraceHash();
  /** For whoever drives the world. */
  readonly random: SeededRandom;
  readonly #seed: number;
  readonly network: SimulatedNetwork;
  readonly fleet: Fleet;
  readonly profile: Profile;
  /** Cluster administration, from a host of its own. */
  readonly admin: Client;
  readonly churn: Churn;
  /** What clients do, and what they were told. */
  readonly mix: Mix;
  /** Who takes part in migrations, when that is what the run is about. */
  readonly participants: ParticipantHost | undefined;
  readonly #platform: Platform;
  readonly #print: (line: string) => void;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    platform: Platform,
    seed: number,
    profile: Profile,
    print: (line: string) => void = () => undefined,
  ) {
    this.#platform = platform;
    this.#print = print;
    this.#seed = seed;
    this.random = this.stream('world');
    this.profile = profile;
    const { only } = profile;
    this.mix = new Mix(
      this.stream('workloads'),
      profile.clockSkew,
      only === undefined ? undefined : [only],
    );
    const { scheduler, invariants, trace } = this;
    this.network = new SimulatedNetwork(scheduler, this.stream('network'), profile.network, trace);
    this.network.calm();
    const environment: Environment = {
      scheduler,
      network: this.network,
      random: this.stream('processes'),
      invariants,
      module: platform.module,
      hash: platform.hash,
      ports: profile.ports,
      clockSkew: profile.clockSkew,
      wallOffsetMs: (id: NodeId) => this.#wallOffsetMs(id),
      diskLatencyMs: profile.diskLatencyMs,
      electionTimeoutMs: profile.electionTimeoutMs,
      heartbeatMs: profile.heartbeatMs,
      snapshotEntries: profile.snapshotEntries,
      segmentBytes: profile.segmentBytes,
      dqliteReads: this.stream('dqlite reads').uint32() % 2 === 0 ? 'linearizable' : 'lease',
      trace,
      log: (level: LogLevel, host: string, message: string) => this.#log(level, host, message),
      note: (host: string, text: string) => this.note(text, host),
      failed: (error: unknown) => this.fail(error),
    };
    this.fleet = new Fleet(environment, profile.addresses);
    this.admin = this.client('admin');
    this.churn = new Churn(this);
    this.participants = only === 'upgrades' ? this.#participants() : undefined;
  }

  #participants(): ParticipantHost {
    const tables = this.mix.workloads.map((workload) => workload.tables).join('\n');
    const subject = { ...UPGRADES_SUBJECT, tables };
    const witness = new SchemaWitness(this.#platform.module, DATABASE, subject);
    this.invariants.onCommand = (index, command) => witness.applies(index, command);
    return {
      clock: this.scheduler,
      members: new Set(Array.from({ length: this.profile.nodes }, (_, i) => String(i + 1))),
      connect: (name) => {
        const client = this.client(name);
        return { database: client.database(DATABASE), close: () => client.close() };
      },
      random: (purpose) => this.stream(purpose),
      settleMs: MIGRATIONS_MS,
      witness,
      failed: (error) => this.fail(error),
    };
  }

  /** Random numbers for one purpose: leaving something else out of a run does not change them. */
  stream(purpose: string): SeededRandom {
    return streamOf(this.#seed, purpose);
  }

  /** A function of seed, machine and time, without events of its own: a run with jumps is otherwise the run without. */
  #wallOffsetMs(id: NodeId): number {
    const { wallJumpMs = 0 } = this.profile;
    if (wallJumpMs === 0) return 0;
    const turn = Math.floor(this.scheduler.now() / WALL_JUMP_EVERY_MS);
    return (this.stream(`wall clock ${id} ${turn}`).float() * 2 - 1) * wallJumpMs;
  }

  /** A line of the trace that comes from no node. */
  say(text: string): void {
    this.#log('info', 'world', text);
  }

  /** A line for who reads the trace; it is no event of the run. `told`: a client's call succeeded. */
  note(text: string, host = 'world', level: 'note' | 'told' = 'note'): void {
    this.#print(`${this.scheduler.now().toFixed(3)} ${host} ${level} ${text}`);
  }

  /** The run ends with this error at the next event. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Starts the nodes, makes all of them voters, and creates the tables. */
  async form(): Promise<void> {
    await this.drive(this.#form(), SETUP_MS, 'the cluster to form');
  }

  async #form(): Promise<void> {
    const addresses = this.fleet.addresses.slice(0, this.profile.nodes);
    for (const [i, address] of addresses.entries()) {
      const member = this.fleet.create(address);
      await member.start(i === 0 ? 'bootstrap' : 'wait');
      await this.churn.join(member, 'voter');
    }
    const database = this.admin.database(DATABASE, { timeoutMs: SETUP_MS });
    await this.persist(() => createTables(database, this.mix.workloads));
  }

  /** Does something that may be done twice, again and again until it succeeds. */
  async persist<T>(run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run();
      } catch (error) {
        expectQuorateError(error);
      }
      await this.sleep(RETRY_MS);
    }
  }

  /** A client on a host of its own. */
  client(host: string, servers: readonly string[] = this.fleet.addresses): Client {
    return createClient({
      network: this.network.at(host),
      clock: this.scheduler,
      random: this.stream(host),
      servers,
    });
  }

  /** Runs events until the promise settles; LIVE is broken when that takes longer than `limitMs`. */
  async drive<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
    const settled: T[] = [];
    promise.then(
      (value) => {
        settled.push(value);
      },
      (error: unknown) => this.fail(error),
    );
    const deadline = this.scheduler.now() + limitMs;
    await this.#platform.turn();
    await this.#run(deadline, () => settled.length > 0);
    if (settled.length === 0) throw new Violation('LIVE', `waited ${limitMs} ms for ${what}`);
    return settled[0];
  }

  /** Lets time pass. */
  async advance(durationMs: number): Promise<void> {
    await this.#run(this.scheduler.now() + durationMs, () => false);
  }

  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.scheduler.after(durationMs, resolve));
  }

  /** Runs events, and after each everything that it set off, until then or until `enough`. */
  async #run(until: number, enough: () => boolean): Promise<void> {
    const { turn } = this.#platform;
    while (!enough() && this.scheduler.step(until)) {
      await turn();
      if (this.#failure !== undefined) throw this.#failure.error;
    }
  }

  #log(level: LogLevel, host: string, message: string): void {
    const line = `${this.scheduler.now().toFixed(3)} ${host} ${level} ${message}`;
    this.trace.text(line);
    this.#print(line);
  }

  /** REPL: resolves when all replicas are at one index, with equal pages. */
  async agree(): Promise<void> {
    for (;;) {
      const reports = await this.#digests().catch((error: unknown) => {
        // A member may still be starting, be so far behind that it does not have the database yet, or have been so
        // slow to say Hello that it is taken for a C node for a while.
        const early = ['DATABASE_NOT_FOUND', 'CONNECTION_LOST', 'NOT_SUPPORTED'];
        if (error instanceof QuorateError && early.includes(error.code)) return [];
        throw error;
      });
      if (sameState(reports)) return;
      await this.sleep(100);
    }
  }

  async #digests(): Promise<DatabaseDigest[]> {
    const { cluster } = this.admin;
    const members = await cluster.members({ timeoutMs: CALL_MS });
    const replicas = members.filter(({ role }) => role !== 'spare');
    return Promise.all(
      replicas.map(({ address }) => cluster.digest(address, DATABASE, { timeoutMs: CALL_MS })),
    );
  }
}

/** Independent random numbers for each pair of seed and purpose. */
export function streamOf(seed: number, purpose: string): SeededRandom {
  const low = (crc32(utf8(purpose)) ^ seed) >>> 0;
  const high = (crc32(utf8(`${seed} ${purpose}`)) & 0x1fffff) >>> 0;
  return new SeededRandom(high * 2 ** 32 + low);
}

/** Whether all replicas are at one index. Throws Violation when they differ there. */
export function sameState(reports: readonly DatabaseDigest[]): boolean {
  if (new Set(reports.map((report) => report.index)).size !== 1) return false;
  if (new Set(reports.map((report) => `${report.pages} ${report.sha256}`)).size !== 1) {
    throw new Violation('REPL', 'replicas at the same index differ');
  }
  return true;
}
