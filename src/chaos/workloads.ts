import { randomBelow, SeededRandom } from '../base/index.ts';
import {
  createTables,
  type Lie,
  lying,
  Mix,
  type PlainSession,
  Violation,
  WorkloadClient,
} from '../sim/index.ts';
import type { Fleet, FleetClient } from './fleet.ts';
import { ForeignSession } from './foreign-session.ts';
import type { ClientNetwork } from './link-proxy.ts';

export const WORKLOADS_DATABASE = 'workloads';
const CLIENTS = 4;
/** Mean pause between two operations of a client: searches for an order are for thousands of operations, not for millions. */
const THINK_MS = 80;
/** All but `sizes`: housekeeping does that. */
const ALL = [
  'rows',
  'counter',
  'bank',
  'lists',
  'registers',
  'versions',
  'claims',
  'schemas',
  'elements',
  'foreign',
];
/** What rests on writes alone, or on reads of any age: a C leader does not ask whether it still leads. */
const WITH_C = ['counter', 'bank', 'claims'];
/** All processes measure by the clock of one machine. */
const DRIFT = 0;

const realTime = {
  now: (): number => performance.now(),
  after: (delayMs: number, run: () => void): unknown => setTimeout(run, delayMs),
};

interface Running {
  readonly client: WorkloadClient;
  readonly done: Promise<void>;
  readonly close: () => Promise<void>;
}

/** What workloads of the simulator did. */
export interface WorkloadCounts {
  readonly operations: number;
  /** Writes that were acknowledged, by workload. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Histories that a checker gave up on. */
  readonly undecided: number;
}

/** The workloads of the simulator, with the same clients and checkers, on a cluster of processes. */
export class Workloads {
  readonly anomalies: string[] = [];
  readonly #fleet: Fleet;
  readonly #seed: number;
  readonly #lie: Lie | undefined;
  readonly #names: readonly string[];
  readonly #random: SeededRandom;
  readonly #mix: Mix;
  #operations = 0;
  #running: readonly Running[] = [];

  constructor(parts: {
    readonly fleet: Fleet;
    readonly seed: number;
    /** A read must not be old; a C leader does not promise that. */
    readonly demandsFresh: boolean;
    readonly lie: Lie | undefined;
  }) {
    this.#fleet = parts.fleet;
    this.#seed = parts.seed;
    this.#lie = parts.lie;
    this.#names = parts.demandsFresh ? ALL : WITH_C;
    this.#random = new SeededRandom(this.#seed * 16 + 14);
    this.#mix = new Mix(this.#random, DRIFT, this.#names);
  }

  get counts(): WorkloadCounts {
    const ours = this.#mix.workloads.filter(({ name }) => this.#names.includes(name));
    return {
      operations: this.#operations,
      acknowledged: new Map(ours.map(({ name, acknowledged }) => [name, acknowledged])),
      undecided: this.#mix.undecided,
    };
  }

  async createTables(): Promise<void> {
    const { client, close } = this.#fleet.client('surveyor');
    await createTables(client.database(WORKLOADS_DATABASE), this.#mix.workloads);
    await close();
  }

  start(): void {
    this.#running = Array.from({ length: CLIENTS }, (_, number) => this.#startClient(number));
  }

  /** A machine that leads is about to be unable to: all clients do the same at once. */
  rush(): void {
    const draw = this.#random.float();
    for (const { client } of this.#running) client.rush(draw);
  }

  async stop(): Promise<void> {
    for (const { client } of this.#running) client.stop();
    await Promise.all(this.#running.map(({ done }) => done));
    await Promise.all(this.#running.map(({ close }) => close()));
  }

  /** Judges all histories. The faults are over, and the clients have stopped. */
  async prove(limitMs: number): Promise<void> {
    const { client, close } = this.#fleet.client('judge');
    const database = client.database(WORKLOADS_DATABASE, { timeoutMs: limitMs });
    for (const workload of this.#mix.workloads) {
      await this.#judged(() => workload.check(database, realTime.now));
    }
    await close();
  }

  #startClient(number: number): Running {
    const connection = this.#fleet.client(`workload-${number}`);
    const network = this.#fleet.network(`foreign-${number}`);
    const random = new SeededRandom((this.#seed * CLIENTS + number) * 2);
    const client = new WorkloadClient({
      number,
      database: this.#database(connection),
      random,
      mix: {
        step: (actor, choice) => {
          this.#operations++;
          return this.#mix.step(actor, choice);
        },
      },
      time: realTime,
      thinkMs: THINK_MS,
      plainSession: this.#plainSessions(network, number),
    });
    const close = async (): Promise<void> => {
      await connection.close();
      await network.close();
    };
    return { client, close, done: this.#judged(() => client.run()) };
  }

  #database({ client }: FleetClient) {
    const database = client.database(WORKLOADS_DATABASE);
    return this.#lie === undefined ? database : lying(database, this.#lie);
  }

  /** Sessions in plain dqlite with any node, one after another. */
  #plainSessions(network: ClientNetwork, number: number): () => Promise<PlainSession | undefined> {
    const random = new SeededRandom((this.#seed * CLIENTS + number) * 2 + 1);
    const { addresses } = this.#fleet;
    return async () => {
      const address = addresses[randomBelow(random, addresses.length)];
      if (address === undefined) return undefined;
      return ForeignSession.open(network, address, WORKLOADS_DATABASE);
    };
  }

  /** What is thrown is an anomaly. */
  async #judged(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      // A broken promise says all; anything else needs the place where it came from.
      const isTold = error instanceof Violation || !(error instanceof Error);
      this.anomalies.push(`workloads: ${isTold ? error : (error.stack ?? error)}`);
    }
  }
}
