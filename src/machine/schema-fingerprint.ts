import { digestOf, isInternalName } from '../schema/index.ts';
import { canonicalSchema } from '../sql/index.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/**
 * SHA-256 of the schema as it means (`canonicalSchema`). Tables of the engine and of SQLite itself do not count. Clients compute the same from
 * the same rows (`migrate/verify.ts`).
 */
export function schemaFingerprint(sql: SchemaSql): string {
  const rows = sql
    .rows('select type, name, tbl_name, sql from sqlite_schema where sql is not null')
    .map((row) => [text(row[0]), text(row[1]), text(row[2]), text(row[3])] as const)
    .filter(([, name]) => !isInternalName(name));
  return digestOf(canonicalSchema(rows));
}
