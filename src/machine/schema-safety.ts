import { QuorateError, type Value } from '../base/index.ts';
import type { Check } from '../schema/index.ts';
import { formatLiteral, quoteIdentifier } from '../sql/index.ts';
import { queryRows } from './schema-query.ts';
import { RowCounts, userTables } from './schema-row-counts.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/** Evidence in a message: rows, and characters of each. */
const EVIDENCE_ROWS = 5;
const EVIDENCE_CHARACTERS = 200;
const NO_RENAMES: ReadonlyMap<string, string> = new Map();

/** What a migration must not change unless it says so; taken before it runs and compared afterwards. */
export class SafetyNet {
  readonly #sql: SchemaSql;
  readonly #rows: RowCounts;
  readonly #violations: ReadonlyMap<string, number> | undefined;
  readonly #broken: ReadonlySet<string>;

  /**
   * `names`: words of the migration, in lower case; only tables among them, and those that their triggers and foreign keys lead to, can lose
   * rows. `foreignKeysOff`: violations must be looked for afterwards.
   */
  constructor(
    sql: SchemaSql,
    names: ReadonlySet<string>,
    mayLoseRows: readonly string[],
    foreignKeysOff: boolean,
  ) {
    this.#sql = sql;
    this.#rows = new RowCounts(sql, names, mayLoseRows);
    this.#violations = foreignKeysOff ? violations(sql) : undefined;
    this.#broken = new Set(brokenObjects(sql).keys());
  }

  /** Throws ROWCOUNT_TRIPWIRE, FK_VIOLATION, DANGLING_OBJECT. */
  check(definesSchema: boolean, renames: ReadonlyMap<string, string> = NO_RENAMES): void {
    this.#rows.check(renames);
    if (this.#violations !== undefined) {
      const before = this.#violations;
      const fresh = [...violations(this.#sql)]
        .filter(([each, count]) => count > (before.get(each) ?? 0))
        .map(([each]) => each);
      if (fresh.length > 0) {
        throw new QuorateError(
          'FK_VIOLATION',
          `the migration leaves rows whose foreign key points nowhere: ${fresh.slice(0, EVIDENCE_ROWS).join('; ')}`,
        );
      }
    }
    if (!definesSchema) return;
    for (const [name, reason] of brokenObjects(this.#sql)) {
      if (this.#broken.has(name)) continue;
      throw new QuorateError(
        'DANGLING_OBJECT',
        `the migration leaves ${name} that cannot be used any more: ${reason}`,
      );
    }
  }
}

/** Runs checks; each must return no row, or 0. Throws PRECHECK_FAILED or POSTCHECK_FAILED with the rows as evidence. */
export function runChecks(
  sql: SchemaSql,
  checks: readonly Check[],
  when: 'before' | 'after',
): void {
  for (const check of checks) {
    const rows = queryRows(sql, check.sql);
    const passed = rows.length === 0 || (rows.length === 1 && isZero(rows[0]));
    if (passed) continue;
    throw new QuorateError(
      when === 'before' ? 'PRECHECK_FAILED' : 'POSTCHECK_FAILED',
      `${check.message || `the check ${when} the migration did not pass`}: ${evidence(rows)}`,
    );
  }
}

function isZero(row: readonly Value[]): boolean {
  return row.length === 1 && (row[0] === 0 || row[0] === 0n || row[0] === null);
}

function evidence(rows: readonly Value[][]): string {
  const shown = rows.slice(0, EVIDENCE_ROWS).map((row) => {
    const line = row.map((value) => formatLiteral(value)).join(', ');
    return line.length > EVIDENCE_CHARACTERS ? `${line.slice(0, EVIDENCE_CHARACTERS)}…` : line;
  });
  const more = rows.length - shown.length;
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** With how often: rows of tables WITHOUT ROWID cannot be told from each other. */
function violations(sql: SchemaSql): Map<string, number> {
  const found = new Map<string, number>();
  for (const row of sql.rows('select "table", rowid, parent from pragma_foreign_key_check')) {
    const each = `${text(row[0])} row ${row[1] === null ? '?' : String(row[1])} → ${text(row[2])}`;
    found.set(each, (found.get(each) ?? 0) + 1);
  }
  return found;
}

/** Views and triggers that do not compile, with the reason. */
function brokenObjects(sql: SchemaSql): Map<string, string> {
  const broken = new Map<string, string>();
  const note = (name: string, statement: string): void => {
    try {
      sql.connection.prepare(statement).statement?.release();
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      if (!broken.has(name)) broken.set(name, error.message);
    }
  };
  for (const [view] of sql.rows("select name from sqlite_schema where type = 'view'")) {
    note(`view ${text(view)}`, `select * from ${quoteIdentifier(text(view))}`);
  }
  const all = userTables(sql);
  const exist = new Set(all.map(({ name }) => name.toLowerCase()));
  for (const { name } of all) {
    for (const [parent] of sql.rows('select "table" from pragma_foreign_key_list(?1)', name)) {
      const missing = text(parent);
      if (exist.has(missing.toLowerCase())) continue;
      broken.set(`foreign key of ${name} to ${missing}`, `there is no table ${missing}`);
    }
  }
  const triggers = sql.rows("select name, tbl_name from sqlite_schema where type = 'trigger'");
  for (const [trigger, table] of triggers) {
    const on = quoteIdentifier(text(table));
    const column = sql.first('select name from pragma_table_info(?1)', text(table))?.[0];
    note(`trigger ${text(trigger)}`, `explain delete from ${on}`);
    if (column === undefined) continue;
    const named = quoteIdentifier(text(column));
    note(`trigger ${text(trigger)}`, `explain update ${on} set ${named} = ${named}`);
    note(`trigger ${text(trigger)}`, `explain insert into ${on} (${named}) values (null)`);
  }
  return broken;
}
