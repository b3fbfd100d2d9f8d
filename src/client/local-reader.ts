import { QuorateError, type Value } from '../base/index.ts';
import type { ExtensionParameters } from '../wire/index.ts';
import { closedError } from './errors.ts';
import { integerRange } from './result-set.ts';
import { type RowFactory, rowFactory, rowsAs } from './rows.ts';
import type {
  Args,
  CallOptions,
  Integers,
  LocalOptions,
  LocalReader,
  LocalState,
  Row,
} from './types.ts';
import { toParameters } from './values.ts';

/** What a view is for: one statement, or several on the version that is pinned when it opens. */
export type LocalMode = 'statement' | 'snapshot';

/** Pages of the databases of the node in this process. */
export interface LocalPages {
  /**
   * `declaration`: what the program has declared of its code, '' = nothing. Throws QuorateError: DATABASE_NOT_FOUND, CLOSED, SQLITE_BUSY; a snapshot, and each
   * statement of a view without one, also SCHEMA_FENCED, SCHEMA_TOO_OLD, SCHEMA_UNREGISTERED, SCHEMA_UNDECLARED.
   */
  open(database: string, mode: LocalMode, declaration: string): LocalView;
}

export interface LocalQuery {
  readonly sql: string;
  readonly parameters: ExtensionParameters;
  /** Integers come as bigint; else only where a number would lose precision. */
  readonly bigints: boolean;
  readonly rowsMax: number;
}

export interface LocalResult {
  readonly columns: readonly string[];
  readonly columnTypes: readonly string[];
  readonly rows: Value[][];
}

/** One published version, or for a single statement the newest one. To be closed by who opened it, in the same turn. */
export interface LocalView {
  readonly state: LocalState;
  /** Runs one query; at most `rowsMax` rows. Integers come as bigint when `bigints`, else only where a number would lose precision. */
  query(
    sql: string,
    parameters: ExtensionParameters,
    bigints: boolean,
    rowsMax: number,
  ): LocalResult;
  close(): void;
}

/** Texts whose rows keep their shape from call to call. */
const SHAPES_MAX = 256;

interface Shape {
  readonly columns: readonly string[];
  readonly make: RowFactory;
}

/** Queries on views; how one is got is for the two kinds of reader to say. */
abstract class ViewReader implements LocalReader {
  readonly #integers: Integers;
  readonly #shapes: Map<string, Shape>;

  constructor(integers: Integers, shapes: Map<string, Shape>) {
    this.#integers = integers;
    this.#shapes = shapes;
  }

  protected abstract use<T>(run: (view: LocalView) => T): T;
  abstract snapshot<T>(run: (reader: LocalReader) => T): T;

  get state(): LocalState {
    return this.use((view) => view.state);
  }

  all<R extends object = Row>(sql: string, args?: Args, options: LocalOptions = {}): R[] {
    return rowsAs<R>(this.#query(sql, args, options, Number.POSITIVE_INFINITY));
  }

  get<R extends object = Row>(sql: string, args?: Args, options: LocalOptions = {}): R | undefined {
    return rowsAs<R>(this.#query(sql, args, options, 1))[0];
  }

  #query(sql: string, args: Args | undefined, options: LocalOptions, rowsMax: number): Row[] {
    const parameters = toParameters(args);
    const integers = options.integers ?? this.#integers;
    const { columns, rows } = this.use((view) => {
      if (options.maxStaleness !== undefined) refuseStale(view.state, options.maxStaleness);
      return view.query(sql, parameters, integers === 'bigint', rowsMax);
    });
    if (integers === 'number') for (const row of rows) refuseBigints(row);
    return rows.map(this.#shape(sql, columns));
  }

  #shape(sql: string, columns: readonly string[]): RowFactory {
    const known = this.#shapes.get(sql);
    const same = known?.columns.length === columns.length;
    if (known !== undefined && same && columns.every((name, i) => name === known.columns[i])) {
      return known.make;
    }
    const make = rowFactory(columns);
    if (this.#shapes.size >= SHAPES_MAX) this.#shapes.clear();
    this.#shapes.set(sql, { columns, make });
    return make;
  }
}

/** `Database.local`: each call sees the newest version that this replica has published. */
export class DatabaseReader extends ViewReader {
  readonly #open: (mode: LocalMode) => LocalView;
  readonly #child: (view: () => LocalView) => LocalReader;

  constructor(open: (mode: LocalMode) => LocalView, integers: Integers) {
    const shapes = new Map<string, Shape>();
    super(integers, shapes);
    this.#open = open;
    this.#child = (view) => new SnapshotReader(view, integers, shapes);
  }

  protected use<T>(run: (view: LocalView) => T): T {
    const view = this.#open('statement');
    try {
      return run(view);
    } finally {
      view.close();
    }
  }

  snapshot<T>(run: (reader: LocalReader) => T): T {
    let view: LocalView | undefined = this.#open('snapshot');
    const pinned = view;
    const reader = this.#child(() => {
      if (view === undefined) throw closedError('snapshot');
      return view;
    });
    try {
      return run(reader);
    } finally {
      view = undefined;
      pinned.close();
    }
  }
}

/** The reader inside a snapshot. */
class SnapshotReader extends ViewReader {
  readonly #view: () => LocalView;

  constructor(view: () => LocalView, integers: Integers, shapes: Map<string, Shape>) {
    super(integers, shapes);
    this.#view = view;
  }

  protected use<T>(run: (view: LocalView) => T): T {
    return run(this.#view());
  }

  /** The same version. */
  snapshot<T>(run: (reader: LocalReader) => T): T {
    this.#view();
    return run(this);
  }
}

function refuseStale(
  { ageMs, lag }: LocalState,
  { ms, entries }: NonNullable<CallOptions['maxStaleness']>,
): void {
  const tooOld = ms !== undefined && ageMs > ms;
  if (!tooOld && (entries === undefined || lag <= entries)) return;
  const age = Number.isFinite(ageMs) ? `${Math.round(ageMs)} ms old` : 'of unknown age';
  throw new QuorateError('TOO_STALE', `this replica is ${age} and ${lag} entries behind`, {
    retryable: true,
  });
}

function refuseBigints(row: readonly Value[]): void {
  for (const value of row) if (typeof value === 'bigint') throw integerRange(value);
}
