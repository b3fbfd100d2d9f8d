import type { Presence } from './schema-barrier.ts';
import { type SchemaSql, text } from './schema-sql.ts';

/** Silence after which a client, or a node that is no member any more, is forgotten. */
const SILENCE_MS = 7 * 24 * 3600 * 1000;
/** Manifests, and declarations, that are kept although no participant has them: older code may still be running with them. */
const UNUSED_MAX = 100;

/**
 * Keeps the tables of participants small: they grow with every start of a client that did not close, and with every release. Who is forgotten
 * and lives all the same is told SCHEMA_UNREGISTERED and registers again. An exclusion is not forgotten by time, only when there are too many.
 */
export function forget(
  sql: SchemaSql,
  presence: Presence,
  nowMs: number,
  clientsMax: number,
): void {
  const rows = sql.rows(
    "select id, ns, kind, seen_ms, state = 'excluded' from __quorate_schema_member order by 5, seen_ms, id",
  );
  let excess = rows.length - clientsMax;
  for (const [id, namespace, kind, seen, excluded] of rows) {
    const gone =
      kind === 'node' ? presence.members?.has(text(id)) === false : !presence.heard(text(id));
    // A row says when something of it changed last, which for a living client is long ago: it must be silent as well.
    // Whoever was excluded and came back with the code it was excluded with would count again.
    const isKept = Number(excluded) === 1 || nowMs - Number(seen) < SILENCE_MS;
    if (!gone || (isKept && excess <= 0)) continue;
    sql.rows('delete from __quorate_schema_member where id = ?1 and ns = ?2', id, namespace);
    excess--;
  }
  const unused =
    'from __quorate_schema_manifest where digest not in (select manifest from __quorate_schema_member)';
  if (sql.count(`select count(*) ${unused}`) > UNUSED_MAX) sql.rows(`delete ${unused}`);
  const unknown = `from __quorate_schema_declaration where exists (
    select 1 from json_each(body) where value not in (select digest from __quorate_schema_manifest))`;
  sql.rows(`delete ${unknown}`);
}
