import { type LogIndex, SeededRandom } from '../../base/index.ts';
import { type Connection, createEngine } from '../../engine/index.ts';
import { PageStore, SlotArena } from '../../pages/index.ts';
import type { ManifestEntry } from '../../schema/index.ts';
import { misfit } from './schema-fit.ts';
import { SchemaMirror, schemaIn } from './schema-mirror.ts';
import { appliedOf, checkStep, type StepContext } from './schema-step.ts';
import { EMPTY_VIEW, type SchemaView, type ViewMember } from './schema-view.ts';

/** What the application is, of which the migrations are. */
export interface SchemaSubject {
  readonly backfill: string;
  readonly mayLoseRows: ReadonlySet<string>;
  /** What is there before the first migration. */
  readonly tables: string;
  knows(release: string): readonly ManifestEntry[] | undefined;
  /** Statements of a migration that define something; undefined = no such migration. */
  definition(name: string): string | undefined;
}

/** Looks at the database after every committed entry, and remembers what was true at any time. */
export class SchemaWitness implements StepContext {
  readonly backfill: string;
  readonly mayLoseRows: ReadonlySet<string>;
  /** Whether a participant counts at barriers; told by whoever starts and ends them. */
  presence: (member: ViewMember) => boolean = () => true;
  readonly #mirror: SchemaMirror;
  readonly #subject: SchemaSubject;
  readonly #module: WebAssembly.Module;
  readonly #expected = new Map<string, string>();
  /** Starts of participants that were registered and allowed to serve at one moment. */
  readonly #fitOnce = new Set<string>();
  #view = EMPTY_VIEW;
  looks = 0;

  constructor(module: WebAssembly.Module, database: string, subject: SchemaSubject) {
    this.#mirror = new SchemaMirror(module, database);
    this.#module = module;
    this.#subject = subject;
    this.backfill = subject.backfill;
    this.mayLoseRows = subject.mayLoseRows;
  }

  /** After the newest entry that anybody has applied. */
  get view(): SchemaView {
    return this.#view;
  }

  /** A committed command; in order of indexes, each once. Throws Violation. */
  applies(index: LogIndex, bytes: Uint8Array): void {
    if (!this.#mirror.apply(index, bytes)) return;
    const before = this.#view;
    this.#view = this.#mirror.view();
    this.looks++;
    checkStep(before, this.#view, this);
    const applied = appliedOf(this.#view);
    for (const { release } of this.#view.members) {
      const entries = this.knows(release);
      if (entries !== undefined && misfit(entries, this.#view.state, applied) === undefined) {
        this.#fitOnce.add(release);
      }
    }
  }

  /** MI9: whether this start of a participant was ever registered in a database that its code fits. */
  wasFit(start: string): boolean {
    return this.#fitOnce.has(start);
  }

  knows(release: string): readonly ManifestEntry[] | undefined {
    return this.#subject.knows(release);
  }

  present(member: ViewMember): boolean {
    return this.presence(member);
  }

  expectedSchema(names: readonly string[]): string | undefined {
    const key = names.join('\n');
    let found = this.#expected.get(key);
    if (found === undefined) {
      found = this.#replayed(names);
      this.#expected.set(key, found);
    }
    return found;
  }

  /** Runs the definitions of migrations in their order on a database of its own. */
  #replayed(names: readonly string[]): string {
    const random = new SeededRandom(1);
    const engine = createEngine(this.#module, { clock: { wallMs: () => 0 }, random });
    const connection: Connection = engine.open(new PageStore(new SlotArena()));
    connection.pinPolicy = 'head';
    try {
      connection.execute(`pragma foreign_keys = off; ${this.#subject.tables}`);
      for (const name of names) connection.execute(this.#subject.definition(name) ?? '');
      return schemaIn(connection);
    } finally {
      connection.close();
    }
  }
}
