import { digestOf, EMPTY_CHAIN, type ManifestEntry } from '../../schema/index.ts';
import { Violation } from '../violation.ts';
import { type Applied, misfit } from './schema-fit.ts';
import type { SchemaView, ViewMember, ViewMigration } from './schema-view.ts';

/** What the views do not show. */
export interface StepContext {
  /** What the code of a release knows; undefined = its sessions declare nothing. */
  knows(release: string): readonly ManifestEntry[] | undefined;
  /** Canonical schema after these migrations, in this order; undefined = not known. */
  expectedSchema(names: readonly string[]): string | undefined;
  /** Whether a participant counts at barriers, as far as that is not in the tables. */
  present(member: ViewMember): boolean;
  /** Name of the only backfill. */
  readonly backfill: string;
  /** Tables that a migration may take rows from. */
  readonly mayLoseRows: ReadonlySet<string>;
}

/** Attempts of a migration that are noted before it is not tried again by itself. */
const ATTEMPTS_MAX = 3;

/** What no entry of the log may do to a database with migrations. Throws Violation. */
export function checkStep(before: SchemaView, after: SchemaView, context: StepContext): void {
  const added = onceInOrder(before, after);
  oneTruth(after);
  monotone(before, after);
  if (added !== undefined) barrier(before, added, context);
  atomic(before, after, added, context);
  noSilentLoss(before, after, added, context);
  backfill(before, after, added, context);
  writersFit(before, after, context);
  for (const { name, attempts } of after.jobs) {
    if (attempts <= ATTEMPTS_MAX) continue;
    broken('ML4', after, `${attempts} attempts of ${name} are noted`);
  }
}

/** Migrations of the line by number. */
export function appliedOf({ history }: SchemaView): Applied {
  return new Map(
    history.filter(({ kind }) => kind !== 'contract').map((row) => [row.version, row]),
  );
}

/** MI2: the history only grows, by one migration in an entry, and the version only with it. */
function onceInOrder(before: SchemaView, after: SchemaView): ViewMigration | undefined {
  for (const [i, old] of before.history.entries()) {
    const now = after.history[i];
    if (now?.name === old.name && now.checksum === old.checksum && now.version === old.version) {
      continue;
    }
    broken('MI2', after, `${old.name} in the history became ${now?.name ?? 'nothing'}`);
  }
  const added = after.history.slice(before.history.length);
  if (added.length > 1) {
    broken('MI2', after, `${added.map(({ name }) => name).join(', ')} in one entry`);
  }
  const [row] = added;
  const from = before.state?.version ?? 0;
  const to = after.state?.version ?? 0;
  const grows = row !== undefined && row.kind !== 'contract';
  if (to !== from + Number(grows)) {
    broken('MI2', after, `version ${from} becomes ${to} with ${row?.name ?? 'nothing'} applied`);
  }
  if (grows && row.version !== to) broken('MI2', after, `${row.name} has number ${row.version}`);
  if (row !== undefined && before.history.some(({ name }) => name === row.name)) {
    broken('MI2', after, `${row.name} is applied twice`);
  }
  const contracts = after.history.filter(({ kind }) => kind === 'contract');
  const known = Object.entries(after.state?.contracts ?? {});
  const same = contracts.every(({ name, checksum }) => after.state?.contracts[name] === checksum);
  if (!same || known.length !== contracts.length) {
    broken('MI2', after, `contracts ${known.map(([name]) => name).join()} are not the history's`);
  }
  return row;
}

/** MI3: chain and fingerprint say what was applied and what is there. */
function oneTruth(after: SchemaView): void {
  const { state, history, fingerprint } = after;
  if (state === undefined) return;
  let chain = EMPTY_CHAIN;
  for (const { kind, name, checksum } of history) {
    if (kind !== 'contract') chain = digestOf(`${chain}\n${name}\n${checksum}`);
  }
  if (state.chain !== chain) broken('MI3', after, `the chain is not that of the history`);
  if (history.length > 0 && state.fingerprint !== fingerprint) {
    broken('MI3', after, 'the fingerprint is not that of the schema');
  }
}

/** MI5: the generation counts every change of the state; the floor never falls. */
function monotone(before: SchemaView, after: SchemaView): void {
  const [old, now] = [before.state, after.state];
  if (old === undefined) return;
  if (now === undefined) throw new Violation('MI5', `entry ${after.index}: the state is gone`);
  if (now.floor < old.floor) broken('MI5', after, `floor ${old.floor} falls to ${now.floor}`);
  const { generation: was, ...earlier } = old;
  const { generation: is, ...later } = now;
  const changed = JSON.stringify(earlier) !== JSON.stringify(later);
  if (is < was || (changed && is === was)) {
    broken('MI5', after, `generation ${was} becomes ${is} with another state`);
  }
}

/** MI4: who counted when the migration was entered knows it. */
function barrier(before: SchemaView, added: ViewMigration, context: StepContext): void {
  if (added.kind !== 'contract' && added.kind !== 'breaking') return;
  for (const member of before.members) {
    if (member.state !== 'active' || !context.present(member)) continue;
    const entries = before.manifests.get(member.manifest) ?? [];
    const known = entries.find(({ name }) => name === added.name);
    if (known?.checksum === added.checksum) continue;
    broken('MI4', before, `${added.name} is applied over ${member.id} (${member.release})`);
  }
}

/** MI6: the schema changes with a migration only, and is what exactly the migrations in the history make. */
function atomic(
  before: SchemaView,
  after: SchemaView,
  added: ViewMigration | undefined,
  context: StepContext,
): void {
  if (after.history.length === 0) return;
  if (added === undefined && before.schema !== after.schema) {
    broken('MI6', after, 'the schema changes without a migration');
  }
  if (added === undefined) return;
  const expected = context.expectedSchema(after.history.map(({ name }) => name));
  if (expected !== undefined && expected !== after.schema) {
    broken('MI6', after, `after ${added.name} the schema is not what its statements make`);
  }
}

/** MI7: a migration takes no rows and leaves no reference that points nowhere. */
function noSilentLoss(
  before: SchemaView,
  after: SchemaView,
  added: ViewMigration | undefined,
  { mayLoseRows }: StepContext,
): void {
  if (after.danglingReferences > before.danglingReferences) {
    broken('MI7', after, `${after.danglingReferences} references point nowhere`);
  }
  if (added === undefined) return;
  for (const [table, count] of before.counts) {
    const now = after.counts.get(table);
    if (now === count || mayLoseRows.has(table)) continue;
    broken('MI7', after, `${added.name} leaves ${now} of ${count} rows of ${table}`);
  }
}

/** MI11: a batch and its cursor are one; the backfill is over when nothing is left. */
function backfill(
  before: SchemaView,
  after: SchemaView,
  added: ViewMigration | undefined,
  context: StepContext,
): void {
  const position = ({ jobs }: SchemaView): number => {
    const at = jobs.find(({ name }) => name === context.backfill)?.after ?? null;
    return at === null ? Number.NEGATIVE_INFINITY : Number(at);
  };
  const [from, to] = [position(before), position(after)];
  const moved = to > from;
  for (const [id, touched] of before.touched) {
    const times = (after.touched.get(id) ?? touched) - touched;
    const due = moved && id > from && id <= to ? 1 : 0;
    if (times === due) continue;
    broken('MI11', after, `key ${id} is gone over ${times} times as the cursor goes to ${to}`);
  }
  if (to < from && added === undefined && before.unfilled === 0) {
    broken('MI11', after, `the cursor goes back from ${from} to ${to}`);
  }
  if (added?.name === context.backfill && after.unfilled > 0) {
    broken('MI11', after, `${added.name} is applied with ${after.unfilled} rows left`);
  }
}

/** MI1: who wrote was allowed to, by what was in force when its transaction began. */
function writersFit(before: SchemaView, after: SchemaView, context: StepContext): void {
  const applied = appliedOf(before);
  for (const release of after.trail.slice(before.trail.length)) {
    const entries = context.knows(release);
    const why =
      entries === undefined
        ? undeclared(before.undeclared)
        : misfit(entries, before.state, applied);
    if (why !== undefined) broken('MI1', after, `${release} has written although ${why}`);
  }
}

function undeclared(policy: string): string | undefined {
  return policy === 'allow' ? undefined : `the policy for undeclared sessions is ${policy}`;
}

function broken(invariant: string, { index }: SchemaView, detail: string): void {
  throw new Violation(invariant, `entry ${index}: ${detail}`);
}
