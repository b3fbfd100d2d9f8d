import { QuorateError } from '../base/index.ts';
import type { Program, SchemaRequest } from '../schema/index.ts';
import { schemaFingerprint } from './schema-fingerprint.ts';
import { FINGERPRINT } from './schema-readiness.ts';
import { rerecord } from './schema-rerecord.ts';
import type { SchemaSql } from './schema-sql.ts';
import { SchemaStore } from './schema-store.ts';
import { putControl, record } from './schema-transaction.ts';

type Control = Extract<SchemaRequest, { readonly op: 'control' }>;
type Baseline = Extract<SchemaRequest, { readonly op: 'baseline' }>;

const POLICIES: Readonly<Record<string, readonly string[]>> = {
  'finalize-policy': ['auto', 'manual'],
  'undeclared-policy': ['allow', 'read-only', 'refuse'],
  'ddl-policy': ['allow', 'migrations-only'],
};

/** What an operator decides, with who and why. Throws SCHEMA_BAD_REQUEST, PARTICIPANT_NOT_FOUND, MIGRATION_UNKNOWN. */
export function control(
  sql: SchemaSql,
  request: Control,
  nowMs: number,
): { readonly done: string } {
  const { action, value, namespace, by, reason } = request;
  SchemaStore.create(sql);
  const store = new SchemaStore(sql, namespace);
  const set = (key: string, to: string, of = store): void => {
    sql.rows(
      `insert into __quorate_schema_control (ns, key, value, by_operator, at_ms, reason) values (?1, ?2, ?3, ?4, ?5, ?6)
       on conflict (ns, key) do update set value = excluded.value, by_operator = excluded.by_operator, at_ms = excluded.at_ms,
       reason = excluded.reason`,
      ...[of.namespace, key, to, by, nowMs, reason],
    );
  };
  let noted = value;
  const allowed = POLICIES[action];
  if (allowed !== undefined && !allowed.includes(value)) {
    throw new QuorateError(
      'SCHEMA_BAD_REQUEST',
      `${action} is one of ${allowed.join(', ')}, not ${JSON.stringify(value)}`,
    );
  }
  switch (action) {
    case 'hold':
      set('hold', reason);
      break;
    case 'release':
      sql.rows("delete from __quorate_schema_control where ns = ?1 and key = 'hold'", namespace);
      break;
    case 'exclude':
    case 'include':
      admit(store, value, action === 'include');
      break;
    case 'finalize':
      set('finalized', value === '' ? '*' : value);
      break;
    case 'finalize-policy':
      set('finalize-policy', value);
      break;
    case 'undeclared-policy':
      set('undeclared', value, new SchemaStore(sql, ''));
      break;
    case 'ddl-policy':
      set('ddl', value, new SchemaStore(sql, ''));
      break;
    case 'override':
      set('override-fence', value);
      break;
    case 'repair':
      store.forgetJob(value);
      store.putState({ ...store.state(), phase: 'idle' });
      break;
    case 'rerecord':
      noted = rerecord(store, value);
      break;
    case 'accept-drift':
      putControl(new SchemaStore(sql, ''), FINGERPRINT, schemaFingerprint(sql));
      break;
  }
  audit(sql, request, noted, nowMs);
  SchemaStore.touch(sql);
  return { done: action };
}

type Decision = Pick<Control, 'namespace' | 'by' | 'reason'> & { readonly action: string };

/** Keeps who decided what, and why. */
function audit(
  sql: SchemaSql,
  { namespace, action, by, reason }: Decision,
  value: string,
  nowMs: number,
): void {
  sql.rows(
    'insert into __quorate_schema_audit (ns, action, value, by_operator, at_ms, reason) values (?1, ?2, ?3, ?4, ?5, ?6)',
    ...[namespace, action, value, by, nowMs, reason],
  );
}

function admit(store: SchemaStore, id: string, included: boolean): void {
  const { sql, namespace } = store;
  if (!store.participants().some((each) => each.id === id)) {
    throw new QuorateError(
      'PARTICIPANT_NOT_FOUND',
      `nobody of the name ${JSON.stringify(id)} has registered in '${namespace}': quorate migrate status shows who has`,
    );
  }
  sql.rows(
    'update __quorate_schema_member set state = ?3 where ns = ?1 and id = ?2',
    ...[namespace, id, included ? 'active' : 'excluded'],
  );
}

/** Takes over what another tool has applied. Nothing is executed. Throws BASELINE_REFUSED, MIGRATION_UNKNOWN. */
export function baseline(
  sql: SchemaSql,
  { namespace, name, by, reason }: Baseline,
  program: Program,
  nowMs: number,
): { readonly version: number } {
  SchemaStore.create(sql);
  const store = new SchemaStore(sql, namespace);
  const { version: applied, contracts } = store.state();
  if (applied > 0 || Object.keys(contracts).length > 0) {
    throw new QuorateError(
      'BASELINE_REFUSED',
      `'${namespace}' is at version ${applied} and has a history: a history is taken over only where there is none`,
    );
  }
  const { entries } = program.manifest;
  const last = entries.findIndex((entry) => entry.name === name);
  if (last < 0) {
    throw new QuorateError('MIGRATION_UNKNOWN', `there is no migration ${name} in '${namespace}'`);
  }
  const fingerprint = schemaFingerprint(sql);
  let version = 0;
  for (const entry of entries.slice(0, last + 1)) {
    const claim = { run: 'baseline', by, release: '' };
    const times = { startedMs: nowMs, finishedMs: nowMs, before: fingerprint };
    version = record(store, program, entry, claim, times);
  }
  audit(sql, { namespace, action: 'baseline', by, reason }, name, nowMs);
  return { version };
}

/** A task was done on one node. */
export function taskDone(
  sql: SchemaSql,
  { namespace, name, node }: Extract<SchemaRequest, { readonly op: 'task' }>,
  nowMs: number,
): { readonly done: true } {
  SchemaStore.create(sql);
  sql.rows(
    'insert or ignore into __quorate_schema_task (ns, name, node, done_ms) values (?1, ?2, ?3, ?4)',
    ...[namespace, name, node, nowMs],
  );
  return { done: true };
}
