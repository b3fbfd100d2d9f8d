import { QuorateError } from '../base/index.ts';
import { isInternalName } from '../schema/index.ts';
import { quoteIdentifier } from '../sql/index.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/** A table that users made; tables in which virtual tables keep their data are none. */
export interface UserTable {
  readonly name: string;
  readonly sql: string;
  readonly virtual: boolean;
}

const NO_RENAMES: ReadonlyMap<string, string> = new Map();

export function userTables(sql: SchemaSql): UserTable[] {
  return sql
    .rows(
      `select s.name, s.sql, l.type from sqlite_schema s join pragma_table_list l on l.schema = 'main' and l.name = s.name
       where s.type = 'table' and l.type in ('table', 'virtual') order by s.name`,
    )
    .map(([name, created, type]) => ({
      ...{ name: text(name), sql: text(created), virtual: text(type) === 'virtual' },
    }))
    .filter(({ name }) => !isInternalName(name));
}

/** The tripwire: how many rows the tables have that a text can change, before it runs and afterwards. */
export class RowCounts {
  readonly #sql: SchemaSql;
  readonly #before = new Map<string, number>();

  /**
   * `names`: words of the text, in lower case; only tables among them, and those that their triggers and foreign keys lead to, can lose rows.
   * `mayLoseRows`: tables that are meant to; '*' = all.
   */
  constructor(sql: SchemaSql, names: ReadonlySet<string>, mayLoseRows: readonly string[]) {
    this.#sql = sql;
    const mayLose = new Set(mayLoseRows.map((name) => name.toLowerCase()));
    if (mayLose.has('*')) return;
    for (const { name, virtual } of reachable(sql, names)) {
      if (mayLose.has(name.toLowerCase())) continue;
      const count = countRows(sql, name, virtual);
      if (count !== undefined) this.#before.set(name, count);
    }
  }

  /** `renames`: tables that have another name now, in lower case. Throws ROWCOUNT_TRIPWIRE. */
  check(renames: ReadonlyMap<string, string> = NO_RENAMES): void {
    const now = new Map(userTables(this.#sql).map((table) => [table.name.toLowerCase(), table]));
    for (const [table, before] of this.#before) {
      const lowered = table.toLowerCase();
      const found = now.get(lowered) ?? now.get(renames.get(lowered) ?? lowered);
      const after = found === undefined ? 0 : countRows(this.#sql, found.name, found.virtual);
      if (after === undefined || after >= before) continue;
      throw new QuorateError(
        'ROWCOUNT_TRIPWIRE',
        `table ${table} had ${before} rows and ${found !== undefined ? `would have ${after}` : 'would be gone'}: if that is meant, name it in mayLoseRows`,
      );
    }
  }
}

/** Undefined: a virtual table that cannot be counted. */
export function countRows(sql: SchemaSql, table: string, virtual: boolean): number | undefined {
  try {
    return sql.count(`select count(*) from main.${quoteIdentifier(table)}`);
  } catch (error) {
    const uncountable = virtual && error instanceof QuorateError && error.rawCode === SQLITE_ERROR;
    if (uncountable) return undefined;
    throw error;
  }
}

const SQLITE_ERROR = 1;

/**
 * Whether a step of a backfill can make rows go: it says so, or a trigger does that it may fire, or a constraint that resolves conflicts by replacing.
 * Then its batches are counted too; for others that would only cost time.
 */
export function mayDelete(sql: SchemaSql, step: string, names: ReadonlySet<string>): boolean {
  const deletes = /\b(delete|replace)\b/i;
  if (deletes.test(step)) return true;
  const tables = reachable(sql, names);
  if (tables.some(({ sql: created }) => /\breplace\b/i.test(created))) return true;
  const reached = new Set(tables.map(({ name }) => name.toLowerCase()));
  return triggersOf(sql).some((trigger) => reached.has(trigger.table) && deletes.test(trigger.sql));
}

function triggersOf(sql: SchemaSql): { readonly table: string; readonly sql: string }[] {
  return sql
    .rows("select tbl_name, sql from sqlite_schema where type = 'trigger'")
    .map((row) => ({ table: text(row[0]).toLowerCase(), sql: text(row[1]).toLowerCase() }));
}

/** Tables that a text with these words can change: named ones, what refers to them with an action, and what their triggers name. */
function reachable(sql: SchemaSql, names: ReadonlySet<string>): readonly UserTable[] {
  const all = userTables(sql);
  const triggers = triggersOf(sql);
  const referring = all.map(({ name }) => ({
    name,
    parents: sql
      .rows('select "table" from pragma_foreign_key_list(?1)', name)
      .map((row) => text(row[0]).toLowerCase()),
  }));
  const views = sql.rows("select name from sqlite_schema where type = 'view'");
  const everything = [...all.map(({ name }) => name), ...views.map(([name]) => text(name))];
  const open = everything.filter((name) => names.has(name.toLowerCase()));
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const lowered = name.toLowerCase();
    for (const child of referring) if (child.parents.includes(lowered)) open.push(child.name);
    for (const trigger of triggers) {
      if (trigger.table !== lowered) continue;
      open.push(...everything.filter((other) => trigger.sql.includes(other.toLowerCase())));
    }
  }
  return all.filter(({ name }) => seen.has(name));
}
