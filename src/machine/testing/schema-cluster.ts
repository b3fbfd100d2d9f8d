import { must } from '../../base/index.ts';
import {
  backfillChecksum,
  digestOf,
  type Manifest,
  type MigrationKind,
  Program,
} from '../../schema/index.ts';
import type { Submit } from '../messages.ts';
import { rowsOf, World, type WorldOptions } from './world.ts';

/** A migration with its text. */
export interface Step {
  readonly name: string;
  readonly kind: MigrationKind;
  readonly sql: string;
}

/** A backfill, as a migration with the text of its step. */
export class Backfill implements Step {
  readonly name: string;
  readonly kind = 'data';
  readonly sql: string;
  readonly batch: BackfillOptions;

  constructor(name: string, batch: BackfillOptions) {
    this.name = name;
    this.batch = batch;
    this.sql = batch.run;
  }
}

export interface BackfillOptions {
  readonly table: string;
  readonly key: string;
  readonly rows: number;
  readonly run: string;
  readonly verify?: string;
}

/** A program: its migrations, and what the machine is told of it. */
export class Release {
  readonly steps: readonly Step[];
  readonly program: Program;

  constructor(...steps: Step[]) {
    this.steps = steps;
    const entries = steps.map((step) => {
      return { name: step.name, kind: step.kind, checksum: checksumOf(step) };
    });
    this.program = new Program({ namespace: 'app', entries } satisfies Manifest);
  }
}

function checksumOf(step: Step): string {
  return step instanceof Backfill
    ? backfillChecksum({ ...step.batch, step: step.batch.run })
    : digestOf(step.sql);
}

/** A leader that is asked about schemas. */
export class SchemaCluster {
  readonly world: World;

  constructor(options?: WorldOptions) {
    this.world = new World(options);
    this.world.lead();
  }

  ask(request: object, options: Partial<Submit> = {}): { code: string; answer: Answer } {
    const json = JSON.stringify(request);
    const number = this.world.submit({ action: 'schema', json }, options);
    const end = this.world.end(number);
    if (end.kind === 'failed') {
      return { code: end.failure.code, answer: { message: end.failure.message } };
    }
    const [[[text]]] = rowsOf(must(this.world.answers.get(number)));
    return { code: 'done', answer: JSON.parse(String(text)) };
  }

  register(id: string, { program }: Release, boot = 'boot-1') {
    return this.enter({ id, kind: 'node', boot, release: `of-${id}` }, { program });
  }

  /** Registers whomever. */
  enter(participant: object, { program }: Pick<Release, 'program'>) {
    return this.ask({ op: 'register', participant, manifests: [program.manifest] });
  }

  migrate(release: Release, name: string, more: object = {}, run = 'run-1') {
    const step = must(release.steps.find((each) => each.name === name));
    const { digest } = release.program;
    const claim = { namespace: 'app', name, manifest: digest, run, by: 'node-1', release: 'r' };
    return this.ask({ op: 'migrate', ...claim, sql: step.sql, ...more });
  }

  /** One batch. */
  batch(release: Release, { name, batch }: Backfill, more: object = {}) {
    const { run: step, ...rest } = batch;
    const { digest } = release.program;
    const claim = { namespace: 'app', name, manifest: digest, run: 'run-1', by: 'node-1' };
    return this.ask({ op: 'batch', ...claim, batch: { ...rest, step }, ...more });
  }

  /** Opens a migration in code. */
  begin(
    release: Release,
    name: string,
    options: Partial<Submit>,
    more: object = {},
    run = 'run-1',
  ) {
    const { digest } = release.program;
    const claim = { namespace: 'app', name, manifest: digest, run, by: 'node-1' };
    return this.ask({ op: 'begin', ...claim, ...more }, options);
  }

  /** The first value of a query on what is committed or about to be. */
  look(sql: string): unknown {
    const session = { session: 999 };
    this.world.run('begin immediate', [], session);
    const value = this.world.rows(sql, [], session)[0]?.[0];
    this.world.run('rollback', [], session);
    return value;
  }

  control(action: string, value = '', namespace = 'app') {
    return this.ask({ op: 'control', namespace, action, value, by: 'me', reason: 'because' });
  }

  /** Whether a session that declares this release may run a statement. */
  use(release: Release, sql: string, session = 0): string {
    const { digest } = release.program;
    const json = JSON.stringify({ app: digest });
    const declaration = digestOf(json).slice(0, 32);
    return this.world.code(this.world.statement(sql, [], { declaration, session }));
  }
}

export interface Answer {
  readonly [key: string]: unknown;
}
