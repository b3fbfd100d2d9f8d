import { QuorateError } from '../base/index.ts';
import {
  canonicalText,
  declarationOf,
  mayNotRegister,
  type Program,
  pending,
  type SchemaRequest,
  unfit,
} from '../schema/index.ts';
import type { Presence } from './schema-barrier.ts';
import type { SchemaSql } from './schema-sql.ts';
import { SchemaStore } from './schema-store.ts';

type Register = Extract<SchemaRequest, { readonly op: 'register' }>;

/** What a participant is told of one namespace. */
export interface NamespaceReport {
  readonly namespace: string;
  readonly version: number;
  readonly floor: number;
  readonly generation: number;
  readonly phase: string;
  /** The code may be used now. */
  readonly canServe: boolean;
  /** Why not. */
  readonly reason?: string;
  readonly code?: string;
  /** Names that could be applied next, holds and barriers aside. */
  readonly pending: readonly string[];
}

export interface Registration {
  readonly declaration: string;
  readonly namespaces: readonly NamespaceReport[];
  /** Something was written. */
  readonly changed: boolean;
}

/** Looks without writing: what a registration would be told. Throws as `register`. */
export function report(sql: SchemaSql, program: Program): NamespaceReport {
  const store = new SchemaStore(sql, program.manifest.namespace);
  const state = store.state();
  const refused = mayNotRegister(program, state, store);
  if (refused !== undefined) throw new QuorateError(refused.code, refused.message);
  const reason = unfit(program, state, store);
  const { version, floor, generation, phase } = state;
  return {
    namespace: store.namespace,
    ...{ version, floor, generation, phase },
    canServe: reason === undefined,
    ...(reason === undefined ? {} : { reason: reason.message, code: reason.code }),
    pending: pending(program, state).map(({ name }) => name),
  };
}

/**
 * Enters a participant with what its code knows, serialised with all migrations: it is in before a barrier is evaluated, or sees what was applied.
 * Writes nothing when everything is known already. Throws SCHEMA_TOO_NEW, SCHEMA_DIVERGED,
 * MIGRATION_OUT_OF_ORDER, SCHEMA_EPOCH_GAP, PARTICIPANT_CONFLICT.
 */
export function register(
  sql: SchemaSql,
  { participant, programs }: Pick<Register, 'participant' | 'programs'>,
  presence: Presence,
  nowMs: number,
): Registration {
  SchemaStore.create(sql);
  checkName(sql, participant, presence);
  let changed = false;
  const namespaces: NamespaceReport[] = [];
  const digests: Record<string, string> = {};
  for (const program of programs) {
    namespaces.push(report(sql, program));
    digests[program.manifest.namespace] = program.digest;
    if (enter(sql, participant, program, nowMs)) changed = true;
  }
  const declaration = declarationOf(digests);
  if (SchemaStore.declaration(sql, declaration.id) === undefined) {
    sql.rows(
      'insert into __quorate_schema_declaration (id, body) values (?1, ?2)',
      ...[declaration.id, JSON.stringify(declaration.manifests)],
    );
    changed = true;
  }
  if (changed) SchemaStore.touch(sql);
  return { declaration: declaration.id, namespaces, changed };
}

/** Nodes count by membership and clients by life: one that took the other's place would open a barrier. */
function checkName(
  sql: SchemaSql,
  { id, kind }: Register['participant'],
  { members }: Presence,
): void {
  const known = sql.first('select kind from __quorate_schema_member where id = ?1', id)?.[0];
  const isMember = members?.has(id) === true;
  const taken = kind === 'node' ? known === 'client' && !isMember : known === 'node' || isMember;
  if (!taken) return;
  throw new QuorateError(
    'PARTICIPANT_CONFLICT',
    `${JSON.stringify(id)} is the name of a ${kind === 'node' ? 'client' : 'node'}: a ${kind} needs a name of its own`,
  );
}

function enter(
  sql: SchemaSql,
  { id, kind, boot, release }: Register['participant'],
  program: Program,
  nowMs: number,
): boolean {
  const { namespace } = program.manifest;
  let changed = false;
  if (SchemaStore.program(sql, program.digest) === undefined) {
    sql.rows(
      'insert into __quorate_schema_manifest (digest, ns, body) values (?1, ?2, ?3)',
      ...[program.digest, namespace, canonicalText(program.manifest)],
    );
    changed = true;
  }
  const known = new SchemaStore(sql, namespace).participants().find((each) => each.id === id);
  // Somebody excluded stays so until it brings other code, or an operator lets it in.
  const sameCode = known?.manifest === program.digest;
  const state = known?.state === 'excluded' && sameCode ? 'excluded' : 'active';
  const same =
    sameCode && known.boot === boot && known.release === release && known.state === state;
  if (same) return changed;
  sql.rows(
    `insert into __quorate_schema_member (id, ns, kind, boot, manifest, state, release, seen_ms) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
     on conflict (id, ns) do update set kind = excluded.kind, boot = excluded.boot, manifest = excluded.manifest,
     state = excluded.state, release = excluded.release, seen_ms = excluded.seen_ms`,
    ...[id, namespace, kind, boot, program.digest, state, release, nowMs],
  );
  return true;
}

/** A participant goes; its row with it, unless it has started again meanwhile, or is excluded: that outlasts its end. */
export function leave(sql: SchemaSql, id: string, boot: string): boolean {
  if (!SchemaStore.exist(sql)) return false;
  const found = sql.first(
    'select 1 from __quorate_schema_member where id = ?1 and boot = ?2',
    ...[id, boot],
  );
  if (found === undefined) return false;
  sql.rows(
    "delete from __quorate_schema_member where id = ?1 and boot = ?2 and state <> 'excluded'",
    ...[id, boot],
  );
  SchemaStore.touch(sql);
  return true;
}
