import { randomBelow } from '../base/index.ts';
import type { Client as ClusterClient, Database } from '../client/index.ts';
import { BeyondAtlas } from './beyond-atlas.ts';
import { type PlannedFault, planFaults } from './fault-plan.ts';
import { Faults } from './faults.ts';
import { PlainProbe } from './plain-probe.ts';
import { drawProfile, type Profile, type ProfileName } from './profile.ts';
import { NO_REDUCTION, type Reduction, reduceProfile } from './reduction.ts';
import { Violation } from './violation.ts';
import {
  Client,
  type History,
  type Lie,
  lying,
  observed,
  type PlainSession,
} from './workloads/index.ts';
import { DATABASE, type Platform, streamOf, World } from './world.ts';

/** After the faults stop, the cluster must serve within this simulated time. */
const LIVENESS_MS = 30_000;

/** Runs under faults of such a length have so many acknowledged writes, or are longer by so many halves of themselves. */
const LONG_MS = 30_000;
const HOUR_MS = 3_600_000;
const ENOUGH_WRITES = 50;
const ROUNDS_MORE = 6;

export interface RunOptions extends Platform {
  readonly seed: number;
  readonly hours: number;
  readonly profileName?: ProfileName | undefined;
  /** What is left out. */
  readonly reduction?: Reduction | undefined;
  readonly trace?: ((line: string) => void) | undefined;
  /** Hears before the run rejects how long after the beginning of the faults it failed. */
  readonly failedAt?: ((sinceFaultsMs: number) => void) | undefined;
  /** Instead of what the seed draws. */
  readonly profile?: Partial<Profile> | undefined;
  /** Clients get databases that do not tell the truth, to show that somebody notices. */
  readonly lie?: Lie | undefined;
  /** Runs beside the clients and does what must not happen, for the same reason. */
  readonly sabotage?: ((world: World, history: History) => Promise<void>) | undefined;
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
  /** Histories that a checker gave up on. */
  readonly undecided: number;
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

export interface SeedPlan {
  readonly profile: Profile;
  readonly faults: readonly PlannedFault[];
}

/** What a seed draws: its profile, and the faults that are planned for it. Nothing is run. */
export function planSeed(
  options: Pick<RunOptions, 'seed' | 'hours' | 'profileName' | 'profile'>,
): SeedPlan {
  const { seed, hours, profileName } = options;
  const drawn = drawProfile(streamOf(seed, 'profile'), profileName);
  const profile = { ...drawn, ...options.profile };
  const { faultWeights, faultEveryMs } = profile;
  const random = streamOf(seed, 'faults');
  return { profile, faults: planFaults(random, faultWeights, faultEveryMs, hours * HOUR_MS) };
}

class Run {
  readonly #options: RunOptions;
  readonly #reduction: Reduction;
  readonly #faults: readonly PlannedFault[];
  readonly #world: World;
  /** When the faults began. */
  #beganMs = Number.POSITIVE_INFINITY;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#reduction = options.reduction ?? NO_REDUCTION;
    const { profile, faults } = planSeed(options);
    const skipped = new Set(this.#reduction.skip);
    this.#faults = faults.filter(({ number }) => !skipped.has(number));
    const reduced = reduceProfile(profile, this.#reduction);
    this.#world = new World(options, options.seed, reduced, options.trace);
  }

  async run(): Promise<RunReport> {
    const { scheduler } = this.#world;
    try {
      return await this.#run();
    } catch (error) {
      const text = error instanceof Violation ? error.message : String(error);
      this.#world.note(`the run fails: ${text}`);
      this.#options.failedAt?.(Math.max(0, scheduler.now() - this.#beganMs));
      throw error;
    }
  }

  async #run(): Promise<RunReport> {
    const world = this.#world;
    const { admin, churn, profile } = world;
    await world.form();
    world.network.faults = profile.network;
    this.#beganMs = world.scheduler.now();
    world.note('faults begin');
    const durationMs = this.#options.hours * HOUR_MS;
    const clients = this.#startClients();
    const faults = new Faults(world, this.#faults, (draw) => {
      for (const { client } of clients) client.rush(draw);
    });
    faults.start();
    this.#options.sabotage?.(world, world.mix.history).catch((error: unknown) => world.fail(error));
    if (profile.churnEveryMs > 0) churn.start(profile.churnEveryMs);
    const beyondAtlas = profile.beyondAtlas ? new BeyondAtlas(world) : undefined;
    beyondAtlas?.start(durationMs);
    await this.#underFaults(durationMs);
    world.note('faults end');
    const calmDown = async (): Promise<void> => {
      await faults.end();
      await Promise.all([churn.stop(), endClients(clients)]);
      // Machines that joined while the faults ended.
      await faults.end();
    };
    await world.drive(calmDown(), LIVENESS_MS * 4, 'clients and changes to end');
    const database = admin.database(DATABASE, { timeoutMs: LIVENESS_MS });
    const proof = (): Promise<void> =>
      world.drive(this.#prove(database), LIVENESS_MS * 4, 'the cluster to serve and agree');
    await (beyondAtlas === undefined ? proof() : beyondAtlas.unlessDead(proof));
    await world.drive(admin.close(), LIVENESS_MS, 'the client to close');
    return this.#report(faults.count + churn.changes);
  }

  async #underFaults(durationMs: number): Promise<void> {
    const { endAfterMs } = this.#reduction;
    const world = this.#world;
    await world.advance(endAfterMs ?? durationMs);
    if (endAfterMs !== undefined) return;
    // What is long enough to find something goes on until something has happened.
    for (let more = 0; durationMs >= LONG_MS && more < ROUNDS_MORE; more++) {
      const { history, acknowledged } = world.mix;
      const writes = world.profile.only === 'upgrades' ? acknowledged : history.count('ok');
      if (writes >= ENOUGH_WRITES) break;
      await world.advance(durationMs / 2);
    }
  }

  /** What client `number` works on: the truth or not, noted when somebody reads the trace. */
  #database(connection: ClusterClient, number: number): Database {
    const { lie, trace } = this.#options;
    const database = connection.database(DATABASE);
    const told = lie === undefined ? database : lying(database, lie);
    if (trace === undefined) return told;
    return observed(told, (text, succeeded) =>
      this.#world.note(text, `client-${number}`, succeeded ? 'told' : 'note'),
    );
  }

  /** Sessions in plain dqlite with any node, one after another. */
  #plainSessions(number: number): () => Promise<PlainSession | undefined> {
    const random = this.#world.stream(`plain ${number}`);
    const { addresses } = this.#world.fleet;
    return async () => {
      const address = addresses[randomBelow(random, addresses.length)];
      const opened = PlainProbe.open(this.#world, `plain-${number}`, address, DATABASE);
      // Nobody listens there, or the link is cut.
      return opened.catch(() => undefined);
    };
  }

  #startClients(): RunningClient[] {
    return Array.from({ length: this.#world.profile.clients }, (_, number) => {
      const connection = this.#world.client(`client-${number}`);
      const client = new Client({
        database: this.#database(connection, number),
        mix: this.#world.mix,
        random: this.#world.stream(`client ${number}`),
        time: this.#world.scheduler,
        number,
        thinkMs: this.#world.profile.thinkMs,
        plainSession: this.#plainSessions(number),
        participants: this.#world.participants,
      });
      const done = client.run().catch((error: unknown) => {
        this.#world.fail(error);
      });
      return { client, done, connection };
    });
  }

  /** LIVE and REPL: a write succeeds, replicas are equal; and what the workloads say about their histories. */
  async #prove(database: Database): Promise<void> {
    const { mix, scheduler } = this.#world;
    await mix.heal(database);
    const last = "INSERT OR REPLACE INTO t VALUES (0, -1, 'the last')";
    await this.#world.persist(() => database.execute(last));
    await mix.check(database, () => scheduler.now());
    await this.#world.agree();
  }

  #report(faults: number): RunReport {
    const { scheduler, trace, invariants, mix } = this.#world;
    const { history } = mix;
    const { acknowledged, undecided } = mix;
    const rolledBack = history.count('failed');
    const unknown = history.count('unknown');
    const { reads } = history;
    trace.numbers(scheduler.now(), scheduler.executed);
    trace.numbers(acknowledged, rolledBack, unknown, reads);
    return {
      seed: this.#options.seed,
      simulatedMs: scheduler.now(),
      events: scheduler.executed,
      checks: invariants.checks,
      faults,
      acknowledged,
      rolledBack,
      unknown,
      reads,
      undecided,
      traceHash: trace.toString(),
    };
  }
}
