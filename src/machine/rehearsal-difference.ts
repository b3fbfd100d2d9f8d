import { isInternalName } from '../schema/index.ts';
import { canonicalSchema } from '../sql/index.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/** What a schema has, by type and name; columns of tables are listed as parts. */
export interface SchemaShape {
  readonly objects: ReadonlyMap<string, SchemaObject>;
}

interface SchemaObject {
  readonly label: string;
  /** As it means: equal texts, equal objects. */
  readonly meaning: string;
  /** Only of tables: column → its type and constraints. */
  readonly columns: ReadonlyMap<string, string>;
}

/** The schema that a connection sees now; tables of the engine and of SQLite itself do not count. */
export function schemaShape(sql: SchemaSql): SchemaShape {
  const objects = new Map<string, SchemaObject>();
  const rows = sql.rows(
    'select type, name, tbl_name, sql from sqlite_schema where sql is not null',
  );
  for (const row of rows) {
    const [type, name, table, created] = [text(row[0]), text(row[1]), text(row[2]), text(row[3])];
    if (isInternalName(name)) continue;
    const on = type === 'index' || type === 'trigger' ? ` on ${table}` : '';
    objects.set(`${type} ${name.toLowerCase()}`, {
      label: `${type} ${name}${on}`,
      meaning: canonicalSchema([[type, name, table, created]]),
      columns: type === 'table' ? columnsOf(sql, name) : new Map(),
    });
  }
  return { objects };
}

function columnsOf(sql: SchemaSql, table: string): ReadonlyMap<string, string> {
  const rows = sql.rows(
    'select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo(?1)',
    table,
  );
  return new Map(
    rows.map(([name, type, required, value, key, hidden]) => {
      const words = [
        text(type).toLowerCase(),
        ...(Number(required) > 0 ? ['not null'] : []),
        ...(value === null ? [] : [`default ${text(value)}`]),
        ...(Number(key) > 0 ? ['primary key'] : []),
        ...(Number(hidden) > 1 ? ['generated'] : []),
      ];
      return [text(name), words.filter((word) => word !== '').join(' ')];
    }),
  );
}

/** What became of a schema, one line for each thing: 'table t added', 'column t.c dropped', 'view v changed'. */
export function schemaDifference(before: SchemaShape, after: SchemaShape): string[] {
  const lines: string[] = [];
  for (const [key, { label }] of before.objects) {
    if (!after.objects.has(key)) lines.push(`${label} dropped`);
  }
  for (const [key, now] of after.objects) {
    const then = before.objects.get(key);
    if (then === undefined) lines.push(`${now.label} added`);
    else if (then.meaning !== now.meaning) lines.push(...changes(then, now));
  }
  return lines;
}

function changes(then: SchemaObject, now: SchemaObject): string[] {
  const table = now.label.replace(/^table /, '');
  const lines: string[] = [];
  for (const name of then.columns.keys()) {
    if (!now.columns.has(name)) lines.push(`column ${table}.${name} dropped`);
  }
  for (const [name, definition] of now.columns) {
    const old = then.columns.get(name);
    if (old === undefined) lines.push(`column ${table}.${name} added${suffix(definition)}`);
    else if (old !== definition) {
      lines.push(
        `column ${table}.${name} changed: ${old || 'no type'} → ${definition || 'no type'}`,
      );
    }
  }
  return lines.length > 0 ? lines : [`${now.label} changed`];
}

function suffix(definition: string): string {
  return definition === '' ? '' : ` (${definition})`;
}
