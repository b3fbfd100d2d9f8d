import type { Clock } from '../base/index.ts';
import type { NamespaceStatus, SchemaEvent } from '../client/index.ts';
import type { Remaining } from './backfill-remaining.ts';

/** What one program has counted since its start. */
export interface SchemaCounts {
  /** For how long migrations have been kept waiting by older code, holds and orders, in seconds. */
  readonly blockedSeconds: number;
  readonly migrations: number;
  /** Time that migrations of this program took, in seconds. */
  readonly migrationSeconds: number;
  readonly failed: number;
  readonly fenced: number;
  readonly serving: boolean;
}

/** Counts events of the schema. */
export class SchemaMeter {
  readonly #clock: Pick<Clock, 'now'>;
  /** Migrations that wait, and since when. */
  readonly #blocked = new Map<string, number>();
  #blockedMs = 0;
  #migrations = 0;
  #migrationMs = 0;
  #failed = 0;
  #fenced = 0;
  #serving = false;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  count(event: SchemaEvent): void {
    switch (event.kind) {
      case 'serving':
        this.#serving = true;
        break;
      case 'waiting':
      case 'refused':
        this.#serving = false;
        break;
      case 'fenced':
        this.#fenced++;
        break;
      case 'failed':
        this.#failed++;
        break;
      case 'blocked': {
        const key = `${event.namespace} ${event.name}`;
        if (!this.#blocked.has(key)) this.#blocked.set(key, this.#clock.now());
        break;
      }
      case 'committed':
        this.#migrations++;
        this.#migrationMs += event.ms;
        this.#over(`${event.namespace} ${event.name}`);
        break;
      case 'superseded':
        this.#over(`${event.namespace} ${event.name}`);
        break;
      default:
        break;
    }
  }

  #over(key: string): void {
    const since = this.#blocked.get(key);
    if (since !== undefined) this.#blockedMs += this.#clock.now() - since;
    this.#blocked.delete(key);
  }

  /** `pending`: NAMESPACE NAME of what is not applied yet; the others wait no more, whoever has applied them. */
  counts(pending: ReadonlySet<string>): SchemaCounts {
    for (const key of [...this.#blocked.keys()]) if (!pending.has(key)) this.#over(key);
    const now = this.#clock.now();
    const open = [...this.#blocked.values()].reduce((sum, since) => sum + now - since, 0);
    return {
      blockedSeconds: (this.#blockedMs + open) / 1000,
      migrations: this.#migrations,
      migrationSeconds: this.#migrationMs / 1000,
      ...{ failed: this.#failed, fenced: this.#fenced, serving: this.#serving },
    };
  }
}

/** State and counts as text for Prometheus. */
export function schemaMetrics(
  statuses: readonly NamespaceStatus[],
  counts: SchemaCounts,
  remaining: readonly Remaining[] = [],
): string {
  const lines: string[] = [];
  const add = (name: string, type: string, samples: readonly (readonly [string, number])[]) => {
    if (samples.length === 0) return;
    lines.push(`# TYPE quorate_schema_${name} ${type}`);
    for (const [labels, value] of samples) lines.push(`quorate_schema_${name}${labels} ${value}`);
  };
  const each = (value: (status: NamespaceStatus) => number) =>
    statuses.map((status) => [labelsOf({ namespace: status.namespace }), value(status)] as const);
  add(
    'version',
    'gauge',
    each(({ version }) => version),
  );
  add(
    'floor',
    'gauge',
    each(({ floor }) => floor),
  );
  add(
    'pending',
    'gauge',
    each(({ pending }) => pending.length),
  );
  add('participants', 'gauge', statuses.flatMap(participantsOf));
  add('backfill_rows', 'gauge', statuses.flatMap(backfillsOf));
  add(
    'backfill_remaining',
    'gauge',
    remaining.map(({ rows, ...labels }) => [labelsOf(labels), rows]),
  );
  add('serving', 'gauge', [['', counts.serving ? 1 : 0]]);
  add('blocked_seconds_total', 'counter', [['', counts.blockedSeconds]]);
  add('migrations_total', 'counter', [['', counts.migrations]]);
  add('migration_seconds_total', 'counter', [['', counts.migrationSeconds]]);
  add('migrations_failed_total', 'counter', [['', counts.failed]]);
  add('fenced_total', 'counter', [['', counts.fenced]]);
  return `${lines.join('\n')}\n`;
}

function participantsOf({ namespace, participants }: NamespaceStatus): [string, number][] {
  const states = ['active', 'draining', 'excluded'];
  return states.map((state) => [
    labelsOf({ namespace, state }),
    participants.filter((each) => each.state === state).length,
  ]);
}

/** Rows that backfills under way have changed. */
function backfillsOf({ namespace, pending }: NamespaceStatus): [string, number][] {
  return pending
    .filter(({ kind }) => kind === 'data')
    .map(({ name, done }) => [labelsOf({ namespace, migration: name }), done]);
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
    return `${name}="${escaped}"`;
  });
  return `{${pairs.join(',')}}`;
}
