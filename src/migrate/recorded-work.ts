import type { Clock, QuorateError } from '../base/index.ts';
import type { Database, NamespaceReport, SchemaEvent } from '../client/index.ts';
import { WHOLE_CLUSTER } from '../schema/index.ts';
import type { BackgroundJobs } from './background-jobs.ts';
import type { Look } from './companion.ts';
import type { Migrations } from './define.ts';
import { hasApplied } from './goal.ts';
import type { Participant, SchemaClient } from './schema-client.ts';

/** How long others leave work that is done once for all to the program that has applied what is before it. */
const GRACE_MS = 15_000;

export interface RecordedWorkOptions {
  readonly client: SchemaClient;
  readonly clock: Pick<Clock, 'now'>;
  readonly database: Database;
  readonly observer: Database;
  readonly participant: Participant;
  readonly migrations: readonly Migrations[];
  onEvent(event: SchemaEvent): void;
  /** Something is done that a migration may have waited for. */
  poke(): void;
}

interface Work {
  readonly namespace: string;
  /** Under which it is recorded. */
  readonly record: string;
  /** A participant, or all. */
  readonly node: string;
  /** Migrations that come first. */
  readonly after: readonly string[];
  run(signal: AbortSignal): Promise<void> | void;
  ended(error: QuorateError | undefined): void;
}

/**
 * Tasks, and hooks after migrations: they run when what is before them is applied, until it is recorded that they are done. What is to be done once
 * for all is left to the program that has applied what is before it, and after a while to whoever comes first.
 */
export class RecordedWork {
  readonly #options: RecordedWorkOptions;
  readonly #jobs: BackgroundJobs;
  readonly #work: readonly Work[];
  readonly #dueSince = new Map<string, number>();
  /** What this program has applied. */
  readonly #own = new Set<string>();

  constructor(options: RecordedWorkOptions, jobs: BackgroundJobs) {
    this.#options = options;
    this.#jobs = jobs;
    this.#work = options.migrations.flatMap((each) => [...this.#tasks(each), ...this.#hooks(each)]);
  }

  #tasks({ namespace, tasks }: Migrations): Work[] {
    const { participant, database, onEvent } = this.#options;
    const mine = tasks.filter(({ task }) => task.once === 'cluster' || participant.kind === 'node');
    return mine.map(({ task, after }) => ({
      ...{ namespace, record: task.name, after },
      node: task.once === 'cluster' ? WHOLE_CLUSTER : participant.id,
      run: (signal) => task.run({ database, node: participant.id, signal }),
      ended: (error) =>
        onEvent({ kind: 'task', namespace, name: task.name, ...(error && { error }) }),
    }));
  }

  #hooks(migrations: Migrations): Work[] {
    const { namespace, program } = migrations;
    return program.manifest.entries.flatMap(({ name }) => {
      const hook = migrations.step(name)?.hooks?.after;
      if (hook === undefined) return [];
      return {
        ...{ namespace, record: `after ${name}`, node: WHOLE_CLUSTER, after: [name] },
        run: (signal: AbortSignal) => hook({ signal }),
        ended: (error: QuorateError | undefined) =>
          this.#options.onEvent({ kind: 'hook', hook: 'after', name, ...(error && { error }) }),
      };
    });
  }

  /** Begins what is due. Throws QuorateError when the record cannot be read. */
  async look({ reports, applied }: Look): Promise<void> {
    for (const { namespace, name } of applied) this.#own.add(`${namespace} ${name}`);
    const due = this.#work.filter(
      (work) => !this.#jobs.isDone(keyOf(work)) && this.#isDue(work, reports),
    );
    if (due.length === 0) return;
    const rows = await this.#options.observer.query(
      'select ns, name, node from __quorate_schema_task',
    );
    const recorded = new Set(rows.map(({ ns, name, node }) => `${ns} ${name} on ${node}`));
    for (const work of due) {
      const key = keyOf(work);
      if (recorded.has(key)) this.#jobs.markDone(key);
      else if (this.#isMine(work)) this.#begin(work);
    }
  }

  #isDue({ namespace, after }: Work, reports: readonly NamespaceReport[]): boolean {
    const migrations = this.#options.migrations.find((each) => each.namespace === namespace);
    const report = reports.find((each) => each.namespace === namespace);
    if (migrations === undefined || report === undefined) return false;
    return after.every((name) => hasApplied(migrations, report, name));
  }

  #isMine(work: Work): boolean {
    const { namespace, node, after } = work;
    if (node !== WHOLE_CLUSTER) return true;
    const last = after.at(-1);
    if (last === undefined || this.#own.has(`${namespace} ${last}`)) return true;
    const now = this.#options.clock.now();
    const key = keyOf(work);
    const since = this.#dueSince.get(key) ?? now;
    this.#dueSince.set(key, since);
    return now - since >= GRACE_MS;
  }

  #begin(work: Work): void {
    const { client } = this.#options;
    this.#jobs.start(
      keyOf(work),
      async (signal) => {
        await work.run(signal);
        await client.taskDone(work.namespace, work.record, work.node, { signal });
      },
      (error) => {
        work.ended(error);
        if (error === undefined) this.#options.poke();
      },
    );
  }
}

function keyOf({ namespace, record, node }: Work): string {
  return `${namespace} ${record} on ${node}`;
}
