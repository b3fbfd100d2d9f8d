import type { CallOptions, Database, NamespaceStatus, Row, Wait } from '../client/index.ts';
import { digestOf, isInternalName } from '../schema/index.ts';
import { canonicalSchema, type SchemaRow } from '../sql/index.ts';

const WHY = 'somebody has changed the schema past the migrations: undo that, or accept it';

/** Whether a schema is another than the last migration has left; `ask` must see one version. False where none has run yet. */
export async function hasDrifted(ask: (sql: string) => Promise<Row[]>): Promise<boolean> {
  const [recorded] = await ask(
    "select value from __quorate_schema_control where ns = '' and key = 'fingerprint'",
  );
  if (recorded === undefined) return false;
  const rows = await ask(
    'select type, name, tbl_name, sql from sqlite_schema where sql is not null',
  );
  const schema = rows
    .map((row): SchemaRow => [text(row.type), text(row.name), text(row.tbl_name), text(row.sql)])
    .filter(([, name]) => !isInternalName(name));
  return recorded.value !== digestOf(canonicalSchema(schema));
}

/** As `hasDrifted`, of the newest version, or of what one server has. The tables of schema migrations must exist. Throws QuorateError. */
export function isDrifted(database: Database, options: CallOptions = {}): Promise<boolean> {
  // Without a leader there are no transactions; a change in between is seen at the next look.
  if (options.consistency === 'local') {
    return hasDrifted((sql) => database.query(sql, [], options));
  }
  return database.transaction((tx) => hasDrifted((sql) => tx.query(sql)), {
    ...{ ...options, mode: 'read' },
  });
}

/** The waits of what comes next in a schema that was changed past the migrations: nothing begins before somebody has looked at it. */
export function driftWaits({
  namespace,
  pending,
}: Pick<NamespaceStatus, 'namespace' | 'pending'>): readonly Wait[] {
  const [next] = pending;
  if (next === undefined) return [];
  const wait = { namespace, migration: next.name, obstacle: 'drift', participants: [] } as const;
  return [{ ...wait, why: WHY, commands: [['accept-drift']] }];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
