import { type Clock, QuorateError } from '../base/index.ts';
import type { Database, SchemaEvent, SchemaPolicy } from '../client/index.ts';
import type { Look } from './companion.ts';
import type { Migrations } from './define.ts';
import type { Participant, SchemaClient } from './schema-client.ts';
import { schemaStatus } from './status.ts';
import type { Step } from './steps.ts';
import { waitsOf } from './waits.ts';

export interface PolicyKeeperOptions {
  readonly client: SchemaClient;
  readonly clock: Pick<Clock, 'now' | 'wallMs'>;
  readonly observer: Database;
  readonly participant: Participant;
  readonly migrations: readonly Migrations[];
  readonly policy: SchemaPolicy;
  onEvent(event: SchemaEvent): void;
}

/** What a program decides in an operator's place, as its option `policy` says. An operator's own decision always comes first. */
export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions;
  /** Since when somebody has been in the way of a migration. */
  readonly #since = new Map<string, number>();
  readonly #told = new Set<string>();
  #isSet = false;

  constructor(options: PolicyKeeperOptions) {
    this.#options = options;
  }

  /** Writes policies where nobody has decided. Throws QuorateError. */
  async set(): Promise<void> {
    const { finalize, undeclaredSessions } = this.#options.policy;
    if (this.#isSet || (finalize === undefined && undeclaredSessions === undefined)) return;
    const rows = await this.#options.observer.query(
      "select ns, key from __quorate_schema_control where key in ('finalize-policy', 'undeclared')",
    );
    const decided = new Set(rows.map(({ ns, key }) => `${ns} ${key}`));
    for (const { namespace } of this.#options.migrations) {
      if (finalize !== undefined && !decided.has(`${namespace} finalize-policy`)) {
        await this.#control(namespace, 'finalize-policy', finalize);
      }
    }
    const [first] = this.#options.migrations;
    if (undeclaredSessions !== undefined && first !== undefined && !decided.has(' undeclared')) {
      await this.#control(first.namespace, 'undeclared-policy', undeclaredSessions);
    }
    this.#isSet = true;
  }

  #control(namespace: string, action: string, value: string): Promise<void> {
    const { client, participant } = this.#options;
    return client.control(namespace, action, value, participant.id, 'policy of the program');
  }

  /** Why a contract has not waited long enough; undefined when it has. Throws QuorateError. */
  async soaks({ namespace, program }: Migrations, step: Step): Promise<QuorateError | undefined> {
    const { soakMs, name } = step;
    const entry = program.entry(name);
    if (soakMs === undefined || entry === undefined) return undefined;
    const { observer, clock } = this.#options;
    const needed = program.needed(entry);
    const newest = await observer.first<{ at: number | null }>(
      `select max(finished_ms) as at from __quorate_schema_history where ns = ?1 and name in (select value from json_each(?2))`,
      [namespace, JSON.stringify(needed)],
    );
    const until = Number(newest?.at ?? 0) + soakMs;
    if (clock.wallMs() >= until) return undefined;
    const finalized = await observer.first<{ value: string }>(
      "select value from __quorate_schema_control where ns = ?1 and key = 'finalized'",
      [namespace],
    );
    if (finalized?.value === name || finalized?.value === '*') return undefined;
    return new QuorateError(
      'MIGRATION_HELD',
      `${name} waits until ${new Date(until).toISOString()}, as its soakMs says: quorate migrate finalize ${name} ends that`,
    );
  }

  /** Tells of older code that has been in the way for long, and does what the policy says. Throws QuorateError. */
  async look({ blocked, serving, silent }: Look): Promise<QuorateError | undefined> {
    const { lagging, absent } = this.#options.policy;
    if (lagging === undefined && absent === undefined) return undefined;
    const waiting = blocked.filter(({ error }) => error.code === 'MIGRATION_BLOCKED');
    const statuses = waiting.length === 0 ? [] : await schemaStatus(this.#options.observer);
    const seen = new Set<string>();
    let refusal: QuorateError | undefined;
    for (const { namespace, name, error } of waiting) {
      const status = statuses.find((each) => each.namespace === namespace);
      const waits = status === undefined ? [] : waitsOf(status);
      const older = waits.filter((w) => w.migration === name && w.obstacle === 'older-code');
      for (const { id, release } of older.flatMap(({ participants }) => participants)) {
        const key = `${namespace} ${name} ${id}`;
        seen.add(key);
        const about = { namespace, name, participant: id, release };
        const waitedMs = this.#waited(key);
        const silentMs = silent.get(id) ?? 0;
        const late = [
          ...(isOver(absent, silentMs) ? [{ kind: 'absent', ...about, silentMs } as const] : []),
          ...(isOver(lagging, waitedMs) ? [{ kind: 'lagging', ...about, waitedMs } as const] : []),
        ];
        for (const event of late) {
          const done = await this.#late(event);
          if (done === 'fail-start' && !serving) refusal = error;
          if (done === 'exclude') break;
        }
      }
    }
    for (const key of [...this.#since.keys()]) {
      if (seen.has(key)) continue;
      this.#since.delete(key);
      for (const kind of ['absent', 'lagging']) this.#told.delete(`${kind} ${key}`);
    }
    return refusal;
  }

  #waited(key: string): number {
    const now = this.#options.clock.now();
    const since = this.#since.get(key) ?? now;
    this.#since.set(key, since);
    return now - since;
  }

  /** Tells it once, and does what the policy says; returns that. */
  async #late(late: Late): Promise<Rule['then'] | undefined> {
    const { onEvent, policy } = this.#options;
    const { kind, namespace, name, participant } = late;
    const key = `${kind} ${namespace} ${name} ${participant}`;
    if (!this.#told.has(key)) onEvent(late);
    this.#told.add(key);
    const then = policy[kind]?.then;
    if (then !== 'exclude') return then;
    await this.#control(namespace, 'exclude', participant);
    onEvent({ kind: 'excluded', namespace, participant });
    return then;
  }
}

type Rule = NonNullable<SchemaPolicy['lagging']>;
type Late = Extract<SchemaEvent, { readonly kind: 'lagging' | 'absent' }>;

function isOver(rule: Rule | undefined, ms: number): boolean {
  return rule !== undefined && ms >= rule.waitMs;
}
