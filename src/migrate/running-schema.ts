import { QuorateError } from '../base/index.ts';
import type {
  Database,
  Finding,
  NamespaceReport,
  NamespaceStatus,
  Schema,
  SchemaDecision,
  SchemaEvent,
  SchemaGoal,
  SchemaPlan,
} from '../client/index.ts';
import { backfillRemaining } from './backfill-remaining.ts';
import type { Coordinator } from './coordinator.ts';
import type { Migrations } from './define.ts';
import type { EventHub } from './event-hub.ts';
import { allowedNames, goalState, hasApplied } from './goal.ts';
import type { Participant, SchemaClient } from './schema-client.ts';
import { type SchemaMeter, schemaMetrics } from './schema-metrics.ts';
import { type OperatorAction, schemaStatus } from './status.ts';
import { verifySchema } from './verify.ts';
import { waitsOf } from './waits.ts';

export interface RunningSchemaParts {
  readonly coordinator: Coordinator;
  readonly client: SchemaClient;
  /** Looks at the tables also while the program may not use the database. */
  readonly observer: Database;
  readonly hub: EventHub;
  readonly meter: SchemaMeter;
  readonly migrations: readonly Migrations[];
  readonly participant: Participant;
}

/** The schema of a database as a program has it in hand. */
export class RunningSchema implements Schema {
  readonly #parts: RunningSchemaParts;

  constructor(parts: RunningSchemaParts) {
    this.#parts = parts;
  }

  ready({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return this.#parts.coordinator.ready(signal);
  }

  get reports(): readonly NamespaceReport[] {
    return this.#parts.coordinator.reports;
  }

  poke(): void {
    this.#parts.coordinator.poke();
  }

  status(): Promise<readonly NamespaceStatus[]> {
    return schemaStatus(this.#parts.observer);
  }

  watch({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
    return this.#parts.hub.watch(signal) satisfies AsyncIterableIterator<SchemaEvent>;
  }

  async plan(): Promise<readonly SchemaPlan[]> {
    const { coordinator, migrations } = this.#parts;
    // Before the first look nothing is known.
    if (coordinator.reports.length === 0) await coordinator.looked();
    const statuses = await this.status();
    return migrations.map((each) => {
      const report = coordinator.reports.find(({ namespace }) => namespace === each.namespace);
      const status = statuses.find(({ namespace }) => namespace === each.namespace);
      const missing = each.program.manifest.entries.filter(
        ({ name }) => report === undefined || !hasApplied(each, report, name),
      );
      return {
        namespace: each.namespace,
        pending: missing.map(({ name, kind }) => ({ name, kind })),
        waits: status === undefined ? [] : waitsOf(status),
      };
    });
  }

  async up(goal: SchemaGoal = {}): Promise<void> {
    const wanted = this.#wanted(goal);
    const names = wanted.flatMap((each) => [...allowedNames(each, { to: goal.to, phase: 'all' })]);
    this.#parts.coordinator.allow(names);
    await this.#reach(wanted, goal);
  }

  async wait(goal: SchemaGoal = {}): Promise<void> {
    await this.#reach(this.#wanted(goal), goal);
  }

  /** Throws MIGRATION_UNKNOWN. */
  #wanted({ to, namespace }: SchemaGoal): readonly Migrations[] {
    const { migrations } = this.#parts;
    const named = migrations.filter(
      (each) => namespace === undefined || each.namespace === namespace,
    );
    const found = to === undefined ? named : named.filter(({ program }) => program.entry(to));
    if (found.length > 0) return found;
    throw new QuorateError(
      'MIGRATION_UNKNOWN',
      `this program has no migration ${to ?? ''} in ${namespace ?? 'any namespace'}`,
    );
  }

  async #reach(wanted: readonly Migrations[], { to, signal }: SchemaGoal): Promise<void> {
    const { coordinator } = this.#parts;
    const goal = { to, phase: 'all' } as const;
    for (;;) {
      const missing = wanted.filter((each) => {
        const report = coordinator.reports.find(({ namespace }) => namespace === each.namespace);
        return report === undefined || !goalState(each, goal, report).reached;
      });
      if (missing.length === 0) return;
      for (const each of missing) {
        const names = [...allowedNames(each, goal)];
        const failure = names.map((name) => coordinator.failure(name)).find((e) => e !== undefined);
        if (failure !== undefined) throw failure;
      }
      await coordinator.looked(signal);
    }
  }

  verify(): Promise<readonly Finding[]> {
    const { observer, migrations } = this.#parts;
    return verifySchema(observer, { migrations });
  }

  hold(decision?: SchemaDecision): Promise<void> {
    return this.#decide('hold', '', decision);
  }

  release(decision?: SchemaDecision): Promise<void> {
    return this.#decide('release', '', decision);
  }

  exclude(participant: string, decision?: SchemaDecision): Promise<void> {
    return this.#decide('exclude', participant, decision);
  }

  include(participant: string, decision?: SchemaDecision): Promise<void> {
    return this.#decide('include', participant, decision);
  }

  finalize(migration = '', decision?: SchemaDecision): Promise<void> {
    return this.#decide('finalize', migration, decision);
  }

  repair(migration: string, decision?: SchemaDecision): Promise<void> {
    return this.#decide('repair', migration, decision);
  }

  async baseline(migration: string, { namespace, reason }: SchemaDecision = {}): Promise<void> {
    const [migrations] = this.#wanted({ to: migration, namespace });
    const { client, participant, coordinator } = this.#parts;
    if (migrations === undefined) return;
    await client.baseline(migrations, migration, participant.id, reason ?? 'by the program');
    coordinator.poke();
  }

  async #decide(
    action: OperatorAction,
    value: string,
    { namespace, reason = '' }: SchemaDecision = {},
  ): Promise<void> {
    const { client, participant, coordinator, migrations } = this.#parts;
    const own = namespace ?? (migrations.length === 1 ? migrations[0]?.namespace : undefined);
    if (own === undefined) {
      throw new QuorateError(
        'INVALID_ARGUMENT',
        'this program has several namespaces: say which one is meant',
      );
    }
    await client.control(own, action, value, participant.id, reason);
    coordinator.poke();
  }

  async metrics(): Promise<string> {
    const statuses = await this.status();
    const pending = statuses.flatMap((status) =>
      status.pending.map(({ name }) => `${status.namespace} ${name}`),
    );
    const { observer, migrations, meter } = this.#parts;
    const remaining = await backfillRemaining(observer, migrations, statuses);
    return schemaMetrics(statuses, meter.counts(new Set(pending)), remaining);
  }

  async close(): Promise<void> {
    const { coordinator, hub, observer } = this.#parts;
    await coordinator.close();
    hub.close();
    await observer.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
