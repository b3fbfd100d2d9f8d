import { type LogIndex, SeededRandom } from '../../base/index.ts';
import { type Connection, createEngine } from '../../engine/index.ts';
import { PageStore, SlotArena, sizeAfterUpdate } from '../../pages/index.ts';
import { digestOf, type ManifestEntry, parseManifest } from '../../schema/index.ts';
import { canonicalSchema, quoteIdentifier } from '../../sql/index.ts';
import { decodeCommand } from '../../wire/index.ts';
import { type Cell, EMPTY_VIEW, type SchemaView, type ViewState } from './schema-view.ts';

const CLOCK = { wallMs: () => 0 };
const HAS_TABLES = "select 1 from sqlite_schema where name = '__quorate_schema_fence'";

/** A replica of its own that is fed with committed entries and looked into after each. */
export class SchemaMirror {
  readonly #store = new PageStore(new SlotArena());
  readonly #database: string;
  readonly #connection: Connection;
  readonly #manifests = new Map<string, readonly ManifestEntry[]>();

  constructor(module: WebAssembly.Module, database: string) {
    this.#database = database;
    const engine = createEngine(module, { clock: CLOCK, random: new SeededRandom(1) });
    this.#connection = engine.open(this.#store, { readOnly: true });
  }

  /** In order of indexes, each once. False when the entry does not concern the database. */
  apply(index: LogIndex, bytes: Uint8Array): boolean {
    const command = decodeCommand(bytes);
    if (command.kind !== 'frames' || command.database !== this.#database) return false;
    const { pages } = sizeAfterUpdate(command, this.#store.published.pages);
    this.#store.apply(command, pages, index);
    return true;
  }

  /** What the database holds. The names of the tables of the application are those of workload `upgrades`. */
  view(): SchemaView {
    const { index } = this.#store.published;
    const tables = this.#tables();
    const person = tables.get('person');
    const filling = person?.includes('touched') === true;
    const shown = {
      ...EMPTY_VIEW,
      index,
      ...this.#schema(),
      counts: this.#counts([...tables.keys()]),
      danglingReferences: this.#rows('pragma foreign_key_check').length,
      trail: tables.has('trail')
        ? this.#rows('select release from trail order by id').map(([release]) => String(release))
        : [],
      touched: new Map(
        (filling ? this.#rows('select id, touched from person') : []).map(([id, touched]) => [
          Number(id),
          Number(touched),
        ]),
      ),
      unfilled: filling ? this.#count('select count(*) from person where name is null') : 0,
    };
    if (this.#rows(HAS_TABLES).length === 0) return shown;
    return { ...shown, ...this.#migrations() };
  }

  #tables(): Map<string, string> {
    const rows = this.#rows(
      "select name, sql from sqlite_schema where type = 'table' and name not like 'sqlite%' and name not like '\\_\\_quorate%' escape '\\'",
    );
    return new Map(rows.map(([name, sql]) => [String(name), String(sql)]));
  }

  #counts(tables: readonly string[]): Map<string, number> {
    return new Map(
      tables.map((name) => [name, this.#count(`select count(*) from ${quoteIdentifier(name)}`)]),
    );
  }

  #schema(): Pick<SchemaView, 'schema' | 'fingerprint'> {
    const schema = schemaIn(this.#connection);
    return { schema, fingerprint: digestOf(schema) };
  }

  #migrations() {
    const members = this.#rows(
      "select id, kind, manifest, state, release from __quorate_schema_member where ns = 'app'",
    );
    const jobs = this.#rows(
      "select name, attempts, after_key from __quorate_schema_job where ns = 'app'",
    );
    const policy = this.#rows(
      "select value from __quorate_schema_control where ns = '' and key = 'undeclared'",
    );
    const history = this.#rows(
      "select version, name, kind, checksum, chain, run_id from __quorate_schema_history where ns = 'app' order by seq",
    );
    return {
      state: this.#state(),
      history: history.map(([version, name, kind, checksum, chain, run]) => ({
        ...{ version: Number(version), name: String(name), kind: String(kind) },
        ...{ checksum: String(checksum), chain: String(chain), run: String(run) },
      })),
      members: members.map(([id, kind, manifest, state, release]) => ({
        ...{ id: String(id), kind: String(kind), manifest: String(manifest) },
        ...{ state: String(state), release: String(release) },
      })),
      manifests: this.#knowledge(),
      jobs: jobs.map(([name, attempts, after]) => ({
        ...{ name: String(name), attempts: Number(attempts), after },
      })),
      undeclared: String(policy[0]?.[0] ?? 'allow'),
    };
  }

  #state(): ViewState | undefined {
    const row = this.#rows(
      "select version, floor, chain, fingerprint, gen, phase, x from __quorate_schema_state where ns = 'app'",
    )[0];
    if (row === undefined) return undefined;
    const [version, floor, chain, fingerprint, generation, phase, x] = row;
    return {
      ...{ version: Number(version), floor: Number(floor), chain: String(chain) },
      ...{ fingerprint: String(fingerprint), generation: Number(generation) },
      phase: String(phase),
      contracts: contractsIn(String(x)),
    };
  }

  /** What a digest stands for never changes. */
  #knowledge(): ReadonlyMap<string, readonly ManifestEntry[]> {
    for (const [digest, body] of this.#rows('select digest, body from __quorate_schema_manifest')) {
      const key = String(digest);
      if (this.#manifests.has(key)) continue;
      this.#manifests.set(key, parseManifest(String(body)).manifest.entries);
    }
    return this.#manifests;
  }

  #count(sql: string): number {
    return Number(this.#rows(sql)[0]?.[0] ?? 0);
  }

  #rows(sql: string): Cell[][] {
    return rowsOf(this.#connection, sql);
  }
}

function rowsOf(connection: Connection, sql: string): Cell[][] {
  const { statement } = connection.prepare(sql);
  if (statement === undefined) return [];
  try {
    const rows: Cell[][] = [];
    while (statement.step()) {
      rows.push(Array.from({ length: statement.columnCount }, (_, i) => cell(statement.value(i))));
    }
    return rows;
  } finally {
    statement.release();
  }
}

/** Canonical text of all that is not the engine's own. */
export function schemaIn(connection: Connection): string {
  const rows = rowsOf(
    connection,
    'select type, name, tbl_name, sql from sqlite_schema where sql is not null',
  );
  return canonicalSchema(
    rows
      .map((row) => row.map(String))
      .map(([type, name, table, sql]) => [type, name, table, sql] as const)
      .filter(([, name]) => !name.startsWith('sqlite_') && !name.startsWith('__quorate_')),
  );
}

function cell(value: unknown): Cell {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
    return value;
  }
  return value instanceof Uint8Array ? value : null;
}

/** The contracts in the column `x` of the state. */
export function contractsIn(x: string): Record<string, string> {
  const more: unknown = JSON.parse(x);
  if (typeof more !== 'object' || more === null || !('contracts' in more)) return {};
  const { contracts } = more;
  if (typeof contracts !== 'object' || contracts === null) return {};
  return Object.fromEntries(Object.entries(contracts).map(([name, sum]) => [name, String(sum)]));
}
