import { QuorateError } from '../base/index.ts';
import type {
  AppliedStatus,
  CallOptions,
  Database,
  NamespaceStatus,
  OpenTask,
  ParticipantStatus,
  PendingStatus,
  Row,
} from '../client/index.ts';
import {
  hasBarrier,
  type ManifestEntry,
  type Program,
  parseManifest,
  pending,
  type SchemaState,
  survives,
  WHOLE_CLUSTER,
} from '../schema/index.ts';

export type { AppliedStatus, NamespaceStatus, ParticipantStatus, PendingStatus };

const APPLIED_SHOWN = 20;

/**
 * Reads the state of migrations from their tables; works on any node, and with the consistency 'local' without a leader. Empty when no program
 * has registered migrations. Throws QuorateError.
 */
export async function schemaStatus(
  database: Database,
  options: CallOptions = {},
): Promise<readonly NamespaceStatus[]> {
  const all = (sql: string): Promise<Row[]> => database.query(sql, [], options);
  const exist = await all("select 1 from sqlite_schema where name = '__quorate_schema_fence'");
  if (exist.length === 0) return [];
  const members = await all(
    'select ns, id, kind, release, state, manifest, seen_ms from __quorate_schema_member order by ns, id',
  );
  const programs = new Map<string, Program>();
  for (const row of await all('select digest, body from __quorate_schema_manifest')) {
    programs.set(String(row.digest), parseManifest(String(row.body)));
  }
  const states = (await all('select * from __quorate_schema_state')).map(stateOf);
  const history = await all(
    `select ns, name, kind, version, by_participant, release, finished_ms, pages from __quorate_schema_history order by seq desc`,
  );
  const jobs = await all('select ns, name, attempts, error, done from __quorate_schema_job');
  const tasks = await all('select ns, name, node from __quorate_schema_task');
  const controls = await all('select ns, key, value from __quorate_schema_control');
  const names = new Set([
    ...states.map(({ namespace }) => namespace),
    ...members.map(({ ns }) => String(ns)),
  ]);
  return [...names].sort().map((namespace) => {
    const state = states.find((each) => each.namespace === namespace) ?? emptyOf(namespace);
    const own = (row: Row): boolean => row.ns === namespace;
    const present = members.filter(own);
    return {
      ...{ namespace, version: state.version, floor: state.floor, phase: state.phase },
      participants: present.map((row) => participantOf(row, programs)),
      pending: pendingOf(state, present, programs, jobs.filter(own), tasks.filter(own)),
      applied: history.filter(own).slice(0, APPLIED_SHOWN).map(appliedOf),
      controls: Object.fromEntries(
        controls.filter(own).map(({ key, value }) => [String(key), String(value)]),
      ),
    };
  });
}

function stateOf(row: Row): SchemaState {
  const more: unknown = JSON.parse(String(row.x));
  const contracts =
    typeof more === 'object' && more !== null && 'contracts' in more ? more.contracts : {};
  const pairs = typeof contracts === 'object' && contracts !== null ? contracts : {};
  const phase = String(row.phase);
  return {
    ...{ namespace: String(row.ns), version: Number(row.version), floor: Number(row.floor) },
    ...{
      chain: String(row.chain),
      fingerprint: String(row.fingerprint),
      generation: Number(row.gen),
    },
    phase: phase === 'backfill' || phase === 'held' || phase === 'failed' ? phase : 'idle',
    contracts: Object.fromEntries(
      Object.entries(pairs).map(([name, checksum]) => [name, String(checksum)]),
    ),
  };
}

function emptyOf(namespace: string): SchemaState {
  const nothing = { version: 0, floor: 0, chain: '', fingerprint: '', generation: 0 };
  return { namespace, ...nothing, phase: 'idle', contracts: {} };
}

function participantOf(row: Row, programs: ReadonlyMap<string, Program>): ParticipantStatus {
  return {
    ...{ id: String(row.id), kind: String(row.kind), release: String(row.release) },
    ...{ state: String(row.state), sinceMs: Number(row.seen_ms) },
    knows: programs.get(String(row.manifest))?.max ?? 0,
  };
}

function appliedOf(row: Row): AppliedStatus {
  return {
    ...{ name: String(row.name), kind: String(row.kind), version: Number(row.version) },
    ...{ by: String(row.by_participant), release: String(row.release) },
    ...{ finishedMs: Number(row.finished_ms), pages: Number(row.pages) },
  };
}

function pendingOf(
  state: SchemaState,
  members: readonly Row[],
  programs: ReadonlyMap<string, Program>,
  jobs: readonly Row[],
  tasks: readonly Row[],
): PendingStatus[] {
  const active = members.filter((row) => row.state === 'active');
  const known = active.map((row) => ({
    id: String(row.id),
    program: programs.get(String(row.manifest)),
  }));
  // Whoever knows most says what comes next.
  const newest = known
    .map(({ program }) => program)
    .filter((program) => program !== undefined)
    .sort((a, b) => b.manifest.entries.length - a.manifest.entries.length)[0];
  if (newest === undefined) return [];
  const blockedBy = (entry: ManifestEntry): string[] =>
    hasBarrier(entry)
      ? known
          .filter(({ program }) => program === undefined || !survives(program, entry))
          .map(({ id }) => id)
      : [];
  return pending(newest, state).map((entry) => {
    const job = jobs.find(({ name }) => name === entry.name);
    const openTasks = openTasksOf(entry, active, tasks);
    return {
      ...{ name: entry.name, kind: entry.kind, blockedBy: blockedBy(entry) },
      ...(openTasks.length === 0 ? {} : { openTasks }),
      ...{ attempts: Number(job?.attempts ?? 0), error: String(job?.error ?? '') },
      done: Number(job?.done ?? 0),
    };
  });
}

function openTasksOf(
  { tasks = [] }: ManifestEntry,
  active: readonly Row[],
  done: readonly Row[],
): OpenTask[] {
  const nodes = active.filter(({ kind }) => kind === 'node').map(({ id }) => String(id));
  return tasks.flatMap(({ name, once }) => {
    const on = new Set(done.filter((row) => row.name === name).map(({ node }) => String(node)));
    if (on.has(WHOLE_CLUSTER)) return [];
    const missing = once === 'node' ? nodes.filter((id) => !on.has(id)) : [];
    return once === 'node' && missing.length === 0 ? [] : [{ name, nodes: missing }];
  });
}

/** What operators may decide (docs/migrations.md). */
export const OPERATOR_ACTIONS = [
  'hold',
  'release',
  'exclude',
  'include',
  'finalize',
  'finalize-policy',
  'undeclared-policy',
  'ddl-policy',
  'repair',
  'rerecord',
  'accept-drift',
  'override',
] as const;

export type OperatorAction = (typeof OPERATOR_ACTIONS)[number];

/** Whether a word names an operator's action. Throws nothing. */
export function isOperatorAction(word: string): word is OperatorAction {
  return OPERATOR_ACTIONS.some((action) => action === word);
}

/** An operator's decision that needs a value. Throws QuorateError INVALID_ARGUMENT when it is missing. */
export function checkValue(action: OperatorAction, value: string): void {
  const needs = !['hold', 'release', 'finalize', 'accept-drift'].includes(action);
  if (!needs || value !== '') return;
  throw new QuorateError('INVALID_ARGUMENT', `${action} needs to be told what: see --help`);
}
