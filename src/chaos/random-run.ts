import { SeededRandom } from '../base/index.ts';
import { AUDIT, auditFinding, BANK_TABLES, Bank } from './bank.ts';
import type { FaultContext } from './fault.ts';
import { FAULT_GROUPS } from './faults.ts';
import type { Fleet } from './fleet.ts';
import { HOUSE_TABLES, Housekeeping } from './housekeeping.ts';
import { Ledger } from './ledger.ts';
import { Nemesis, type Rhythm } from './nemesis.ts';
import type { ChaosOptions } from './options.ts';
import { PlainPulse } from './plain-pulse.ts';
import { ProcessUses } from './process-uses.ts';
import { PULSE_TABLE, Pulse } from './pulse.ts';
import { checkIntegrity, compareReplicas, restore } from './verdict.ts';
import { eventually } from './waiting.ts';
import { WORKLOADS_DATABASE, type WorkloadCounts, Workloads } from './workloads.ts';

const DATABASE = 'chaos';
/** After the faults, the cluster must serve within this time, and again agree and have its members. */
const LIVENESS_MS = 60_000;
const PULSES = 3;
const BANKS = 3;
const PULSE_EVERY_MS = 20;
const RHYTHM: Rhythm = { quietMs: [300, 3_000], faultMs: [300, 6_000] };
/** A transfer is over at once. */
const RHYTHMS: Readonly<Record<string, Rhythm>> = {
  leadership: { quietMs: [1_000, 15_000], faultMs: [0, 0] },
};

/** What a run did and found. */
export interface RunReport {
  readonly ledgers: ReadonlyMap<string, Ledger>;
  readonly workloads: WorkloadCounts;
  readonly faults: ReadonlyMap<string, number>;
  /** From each harm to a leader to the acknowledgement of the first write that began after it. */
  readonly failoverMs: readonly number[];
  /** The longest time without an acknowledgement, and when it ended. */
  readonly outage: { readonly ms: number; readonly endedMs: number };
  readonly uses: ProcessUses;
  readonly anomalies: readonly string[];
}

/** Load, faults for the length of the run, healing, proof. */
export class RandomRun {
  readonly #fleet: Fleet;
  readonly #options: ChaosOptions;
  readonly #note: (text: string) => void;
  readonly #own: Ledger;
  readonly #plain: Ledger;
  readonly #bank: Ledger;
  readonly #house: Ledger;
  readonly #workloads: Workloads;
  /** When machines that led were harmed. */
  readonly #hitsMs: number[] = [];
  readonly #uses: ProcessUses;
  readonly #anomalies: string[] = [];

  constructor(fleet: Fleet, options: ChaosOptions, note: (text: string) => void) {
    this.#fleet = fleet;
    this.#options = options;
    this.#note = note;
    const withCNodes = options.cNodes > 0;
    this.#own = new Ledger({ withCNodes });
    this.#plain = new Ledger({ withCNodes });
    this.#bank = new Ledger({ withCNodes });
    this.#house = new Ledger({ withCNodes });
    this.#uses = new ProcessUses(fleet.machines);
    const { seed, lie } = options;
    this.#workloads = new Workloads({ fleet, seed, lie, demandsFresh: options.cNodes === 0 });
  }

  async run(): Promise<RunReport> {
    await this.#fleet.form();
    await this.#createTables();
    const pulses = this.#startPulses();
    const nemeses = this.#nemeses();
    this.#uses.start();
    for (const nemesis of nemeses) nemesis.start();
    await new Promise((resolve) => setTimeout(resolve, this.#options.milliseconds));
    this.#note('the faults end');
    await this.#attempt('the faults', async () => {
      await Promise.all(nemeses.map((nemesis) => nemesis.stop()));
    });
    await restore(this.#fleet);
    const healedMs = performance.now();
    await this.#attempt('liveness', () =>
      eventually('a write after the faults', LIVENESS_MS, async () =>
        [this.#own, this.#bank, this.#plain].every(
          (ledger) => ledger.firstAfter(healedMs) !== undefined,
        ),
      ),
    );
    await this.#attempt('members', () => this.#fleet.settled(LIVENESS_MS));
    this.#uses.stop();
    await this.#attempt('the load', async () => {
      await Promise.all(pulses.map((pulse) => pulse.stop()));
    });
    await this.#attempt('the proof', () => this.#prove());
    return this.#report(nemeses);
  }

  async #createTables(): Promise<void> {
    const { client, close } = this.#fleet.client('founder');
    const database = client.database(DATABASE);
    await database.executeMultiple(
      `${PULSE_TABLE}; CREATE TABLE plain (id INTEGER PRIMARY KEY); ${BANK_TABLES} ${HOUSE_TABLES}`,
    );
    await close();
    await this.#workloads.createTables();
  }

  #startPulses(): { stop(): Promise<void> }[] {
    const demandsFresh = this.#options.cNodes === 0;
    const common = { database: DATABASE, everyMs: PULSE_EVERY_MS, demandsFresh };
    const pulses = Array.from(
      { length: PULSES },
      (_, i) =>
        new Pulse({ ...common, client: this.#fleet.client(`pulse-${i}`), ledger: this.#own }),
    );
    const plain = new PlainPulse({
      ...common,
      network: this.#fleet.network('plain'),
      servers: this.#fleet.addresses,
      ledger: this.#plain,
    });
    const banks = Array.from(
      { length: BANKS },
      (_, i) =>
        new Bank({
          ...common,
          client: this.#fleet.client(`bank-${i}`),
          ledger: this.#bank,
          random: new SeededRandom(this.#options.seed * 16 + 8 + i),
        }),
    );
    const housekeeping = new Housekeeping({
      ...common,
      client: this.#fleet.client('house'),
      ledger: this.#house,
      random: new SeededRandom(this.#options.seed * 16 + 15),
    });
    const all = [...pulses, ...banks, housekeeping, plain, this.#workloads];
    for (const one of all) one.start();
    return all;
  }

  #nemeses(): Nemesis[] {
    const { seed, faults } = this.#options;
    return Object.entries(FAULT_GROUPS).map(([name, group], i) => {
      const context: FaultContext = {
        fleet: this.#fleet,
        random: new SeededRandom(seed * 16 + i),
        note: this.#note,
        leaderHit: () => {
          this.#hitsMs.push(performance.now());
          this.#workloads.rush();
        },
      };
      const chosen = Object.entries(group).filter(([kind]) => faults.has(kind));
      return new Nemesis(context, chosen, RHYTHMS[name] ?? RHYTHM);
    });
  }

  async #prove(): Promise<void> {
    const { client, close } = this.#fleet.client('reader');
    const database = client.database(DATABASE, { timeoutMs: LIVENESS_MS });
    for (const [table, ledger] of [
      ['pulse', this.#own],
      ['plain', this.#plain],
      ['transfer', this.#bank],
      ['house', this.#house],
    ] as const) {
      const rows = await database.query<{ id: number }>(`SELECT id FROM ${table}`);
      const findings = ledger.check(new Set(rows.map(({ id }) => Number(id))));
      this.#anomalies.push(...findings.map((finding) => `${table}: ${finding}`));
    }
    const audit = await database.first<{ total: number; wrong: number }>(AUDIT);
    const finding = auditFinding(audit?.total, audit?.wrong);
    if (finding !== undefined) this.#anomalies.push(`in the end: ${finding}`);
    await close();
    await this.#workloads.prove(LIVENESS_MS);
    for (const name of [DATABASE, WORKLOADS_DATABASE]) {
      this.#anomalies.push(...(await checkIntegrity(this.#fleet, name)));
      this.#anomalies.push(...(await compareReplicas(this.#fleet, name, LIVENESS_MS)));
    }
  }

  /** What throws is a finding, and the proof goes on. */
  async #attempt(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#anomalies.push(`${what}: ${text}`);
    }
  }

  #report(nemeses: readonly Nemesis[]): RunReport {
    const failoverMs = this.#hitsMs.flatMap((atMs) => {
      const servedMs = this.#own.firstAfter(atMs);
      return servedMs === undefined ? [] : [servedMs - atMs];
    });
    return {
      ledgers: new Map([
        ['rows', this.#own],
        ['bank', this.#bank],
        ['schema, blobs, VACUUM', this.#house],
        ['plain dqlite', this.#plain],
      ]),
      workloads: this.#workloads.counts,
      faults: new Map(nemeses.flatMap(({ counts }) => [...counts])),
      failoverMs,
      outage: this.#own.longestGap(),
      uses: this.#uses,
      anomalies: [
        ...this.#anomalies,
        ...this.#workloads.anomalies,
        ...[this.#own, this.#bank, this.#house, this.#plain].flatMap(({ anomalies }) => anomalies),
      ],
    };
  }
}
