import { type HashFactory, type LogLevel, QuorateError, SeededRandom } from '../base/index.ts';
import {
  type Client as ClusterClient,
  createClient,
  type Database,
  type DatabaseDigest,
} from '../client/index.ts';
import { Churn } from './churn.ts';
import { Faults } from './faults.ts';
import { Fleet } from './fleet.ts';
import { Invariants, Violation } from './invariants.ts';
import { SimulatedNetwork } from './network.ts';
import type { Environment } from './process.ts';
import { drawProfile, type Profile } from './profile.ts';
import { Scheduler } from './scheduler.ts';
import { TraceHash } from './trace-hash.ts';
import { Client, createSchema, History } from './workload.ts';

const DATABASE = 'sim';
/** After the faults stop, the cluster must serve within this simulated time. */
const LIVENESS_MS = 30_000;
const SETUP_MS = 60_000;

export interface RunOptions {
  readonly seed: number;
  readonly hours: number;
  /** SQLite, compiled. */
  readonly module: WebAssembly.Module;
  readonly hash: HashFactory;
  /** Lets promises settle between two events. */
  readonly turn: () => Promise<void>;
  readonly trace?: ((line: string) => void) | undefined;
}

export interface RunReport {
  readonly seed: number;
  readonly simulatedMs: number;
  readonly events: number;
  readonly checks: number;
  readonly faults: number;
  readonly acknowledged: number;
  readonly rolledBack: number;
  readonly unknown: number;
  readonly reads: number;
  /** Equal for equal seeds. */
  readonly traceHash: string;
}

interface RunningClient {
  readonly client: Client;
  readonly done: Promise<void>;
  readonly connection: ClusterClient;
}

async function endClients(clients: readonly RunningClient[]): Promise<void> {
  for (const { client } of clients) client.stop();
  await Promise.all(clients.map(({ done }) => done));
  await Promise.all(clients.map(({ connection }) => connection.close()));
}

/** Runs one seed: set-up, faults under load, healing, proof. Throws Violation, or what broke. */
export async function runSeed(options: RunOptions): Promise<RunReport> {
  return new Run(options).run();
}

class Run {
  readonly #options: RunOptions;
  readonly #scheduler = new Scheduler();
  readonly #random: SeededRandom;
  readonly #profile: Profile;
  readonly #network: SimulatedNetwork;
  readonly #invariants = new Invariants();
  readonly #history = new History();
  readonly #fleet: Fleet;
  readonly #trace = new TraceHash();
  #failure: { readonly error: unknown } | undefined;
  #ids = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#profile = drawProfile(this.#random);
    const calm = { ...this.#profile.network, resetRate: 0, stallRate: 0 };
    this.#network = new SimulatedNetwork(this.#scheduler, this.#random, calm, this.#trace);
    const environment: Environment = {
      scheduler: this.#scheduler,
      network: this.#network,
      random: this.#random,
      invariants: this.#invariants,
      module: options.module,
      hash: options.hash,
      ports: this.#profile.ports,
      diskLatencyMs: this.#profile.diskLatencyMs,
      electionTimeoutMs: this.#profile.electionTimeoutMs,
      heartbeatMs: this.#profile.heartbeatMs,
      snapshotEntries: this.#profile.snapshotEntries,
      trace: this.#trace,
      log: (level, host, message) => this.#log(level, host, message),
      failed: (error) => {
        this.#failure ??= { error };
      },
    };
    // One address more than nodes, for those that join later.
    this.#fleet = new Fleet(environment, this.#profile.nodes + 1);
  }

  async run(): Promise<RunReport> {
    const admin = this.#client('admin');
    const database = admin.database(DATABASE, { timeoutMs: SETUP_MS });
    const churn = new Churn(this.#fleet, admin.cluster, this.#scheduler, this.#random);
    await this.#drive(this.#setUp(churn, database), SETUP_MS, 'the cluster to form');
    this.#network.faults = this.#profile.network;
    const faults = new Faults(
      this.#scheduler,
      this.#network,
      this.#random,
      this.#fleet,
      this.#profile,
      admin.cluster,
    );
    const clients = this.#startClients();
    faults.start();
    const { churnEveryMs } = this.#profile;
    if (churnEveryMs > 0) churn.start(churnEveryMs);
    await this.#advance(this.#options.hours * 3_600_000);
    const calmDown = async (): Promise<void> => {
      await faults.end();
      await Promise.all([churn.stop(), endClients(clients)]);
      // Machines that joined while the faults ended.
      await faults.end();
    };
    await this.#drive(calmDown(), LIVENESS_MS * 4, 'clients and changes to end');
    await this.#drive(
      this.#prove(admin, database),
      LIVENESS_MS * 4,
      'the cluster to serve and agree',
    );
    await this.#drive(admin.close(), LIVENESS_MS, 'the client to close');
    return this.#report(faults.count + churn.changes);
  }

  async #setUp(churn: Churn, database: Database): Promise<void> {
    const addresses = this.#fleet.addresses.slice(0, this.#profile.nodes);
    for (const [i, address] of addresses.entries()) {
      const member = this.#fleet.create(address);
      await member.start(i === 0 ? 'bootstrap' : 'wait');
      await churn.join(member, 'voter');
    }
    await createSchema(database);
  }

  #startClients(): RunningClient[] {
    return Array.from({ length: this.#profile.clients }, (_, number) => {
      const connection = this.#client(`client-${number}`);
      const client = new Client({
        database: connection.database(DATABASE),
        history: this.#history,
        random: this.#random,
        scheduler: this.#scheduler,
        number,
        thinkMs: this.#profile.thinkMs,
        nextId: () => ++this.#ids,
      });
      const done = client.run().catch((error: unknown) => {
        this.#failure ??= { error };
      });
      return { client, done, connection };
    });
  }

  /** LIVE, ACK, DEF and REPL: a write succeeds, what is stored is what clients were told, replicas are equal. */
  async #prove(admin: ClusterClient, database: Database): Promise<void> {
    await database.execute("INSERT INTO t VALUES (0, -1, 'the last')", [], {
      timeoutMs: LIVENESS_MS,
    });
    const rows = await database.query<{ id: number }>('SELECT id FROM t WHERE id > 0');
    this.#checkLedger(new Set(rows.map((row) => row.id)));
    const counter = await database.first<{ n: number }>('SELECT n FROM counter');
    const { increments, doubtfulIncrements } = this.#history;
    const n = counter?.n ?? -1;
    if (n < increments || n > increments + doubtfulIncrements) {
      throw new Violation(
        'TX',
        `${increments} to ${increments + doubtfulIncrements} increments, n is ${n}`,
      );
    }
    const check = await database.first<{ integrity_check: string }>('PRAGMA integrity_check');
    if (check?.integrity_check !== 'ok')
      throw new Violation('REPL', String(check?.integrity_check));
    await this.#agree(admin);
  }

  #checkLedger(stored: ReadonlySet<number>): void {
    const { acknowledged, rolledBack, unknown } = this.#history;
    for (const id of acknowledged) {
      if (!stored.has(id)) throw new Violation('ACK', `${id} was acknowledged and is gone`);
    }
    for (const id of rolledBack) {
      if (stored.has(id))
        throw new Violation('DEF', `${id} was reported rolled back and is stored`);
    }
    for (const id of stored) {
      if (!acknowledged.has(id) && !unknown.has(id)) {
        throw new Violation('DEF', `${id} is stored and nobody was told so`);
      }
    }
  }

  async #agree(admin: ClusterClient): Promise<void> {
    for (;;) {
      const reports = await this.#digests(admin).catch((error: unknown) => {
        // A member that is far behind does not have the database yet.
        if (error instanceof QuorateError && error.code === 'DATABASE_NOT_FOUND') return [];
        throw error;
      });
      if (new Set(reports.map((report) => report.index)).size === 1) {
        if (new Set(reports.map((report) => `${report.pages} ${report.sha256}`)).size !== 1) {
          throw new Violation('REPL', 'replicas at the same index differ');
        }
        return;
      }
      await new Promise<void>((resolve) => this.#scheduler.after(100, resolve));
    }
  }

  async #digests(admin: ClusterClient): Promise<DatabaseDigest[]> {
    const members = await admin.cluster.members({ timeoutMs: LIVENESS_MS });
    const replicas = members.filter(({ role }) => role !== 'spare');
    return Promise.all(
      replicas.map(({ address }) =>
        admin.cluster.digest(address, DATABASE, { timeoutMs: LIVENESS_MS }),
      ),
    );
  }

  #client(host: string): ClusterClient {
    return createClient({
      network: this.#network.at(host),
      clock: this.#scheduler,
      random: new SeededRandom(this.#random.uint32()),
      servers: this.#fleet.addresses,
    });
  }

  /** Runs events until the promise settles. */
  async #drive(promise: Promise<void>, limitMs: number, what: string): Promise<void> {
    let settled = false;
    promise.then(
      () => {
        settled = true;
      },
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
    const deadline = this.#scheduler.now() + limitMs;
    await this.#options.turn();
    while (!settled) {
      if (!(await this.#step(deadline)))
        throw new Violation('LIVE', `waited ${limitMs} ms for ${what}`);
    }
  }

  async #advance(durationMs: number): Promise<void> {
    const end = this.#scheduler.now() + durationMs;
    while (await this.#step(end)) {
      // Everything happens in the events.
    }
  }

  async #step(until: number): Promise<boolean> {
    const more = this.#scheduler.step(until);
    await this.#options.turn();
    if (this.#failure !== undefined) throw this.#failure.error;
    return more;
  }

  #log(level: LogLevel, host: string, message: string): void {
    const line = `${this.#scheduler.now().toFixed(3)} ${host} ${level} ${message}`;
    this.#trace.text(line);
    this.#options.trace?.(line);
  }

  #report(faults: number): RunReport {
    const { acknowledged, rolledBack, unknown, reads } = this.#history;
    this.#trace.numbers(this.#scheduler.now(), this.#scheduler.executed);
    this.#trace.numbers(acknowledged.size, rolledBack.size, unknown.size, reads);
    return {
      seed: this.#options.seed,
      simulatedMs: this.#scheduler.now(),
      events: this.#scheduler.executed,
      checks: this.#invariants.checks,
      faults,
      acknowledged: acknowledged.size,
      rolledBack: rolledBack.size,
      unknown: unknown.size,
      reads,
      traceHash: this.#trace.toString(),
    };
  }
}
