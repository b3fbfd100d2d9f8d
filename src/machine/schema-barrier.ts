import { QuorateError } from '../base/index.ts';
import {
  hasBarrier,
  type ManifestEntry,
  type Participant,
  type Program,
  survives,
  WHOLE_CLUSTER,
} from '../schema/index.ts';
import { SchemaStore } from './schema-store.ts';

/** What the machine knows of who is there, beside the tables. */
export interface Presence {
  /** Ids of the members of the cluster as text; undefined = not known: all count. */
  readonly members: ReadonlySet<string> | undefined;
  /** Whether a client that registered has been heard of lately. */
  heard(id: string): boolean;
  /** For how long nothing has been heard of a participant, in ms, as far as this leader knows. */
  silentMs(id: string): number;
  /** False when a voter has no fence of its own: what breaks older code is not kept from it. */
  readonly fenced: boolean;
}

/** Somebody whose code would not survive a migration. */
export interface Blocker {
  readonly id: string;
  readonly release: string;
  readonly knows: number;
}

/** Those who count at the barrier of a migration and do not know it. */
export function blockers(
  store: SchemaStore,
  entry: ManifestEntry,
  presence: Presence,
): readonly Blocker[] {
  if (!hasBarrier(entry)) return [];
  return store
    .participants()
    .filter((participant) => counts(participant, presence))
    .map((participant) => ({ participant, program: programOf(store, participant) }))
    .filter(({ program }) => program === undefined || !survives(program, entry))
    .map(({ participant, program }) => ({
      ...{ id: participant.id, release: participant.release },
      knows: program?.max ?? 0,
    }));
}

function counts({ state, kind, id }: Participant, presence: Presence): boolean {
  if (state !== 'active') return false;
  if (kind === 'node') return presence.members?.has(id) !== false;
  return presence.heard(id);
}

/** Silence from which on a participant that looks every few seconds is worth telling of, in ms. */
const SILENT_MS = 15_000;

/** Nodes that count at barriers and of which nothing is heard. Clients in this state count no more by themselves. */
export function silentNodes(
  stores: readonly SchemaStore[],
  presence: Presence,
): readonly { readonly id: string; readonly ms: number }[] {
  const nodes = stores
    .flatMap((store) => store.participants())
    .filter((each) => each.kind === 'node' && counts(each, presence));
  return [...new Set(nodes.map(({ id }) => id))]
    .map((id) => ({ id, ms: Math.floor(presence.silentMs(id)) }))
    .filter(({ ms }) => ms >= SILENT_MS);
}

function programOf(store: SchemaStore, { manifest }: Participant): Program | undefined {
  return SchemaStore.program(store.sql, manifest);
}

/** Throws MIGRATION_BLOCKED with the names of those who do not know the migration, or UNSAFE_MIGRATION. */
export function checkBarrier(store: SchemaStore, entry: ManifestEntry, presence: Presence): void {
  if (!hasBarrier(entry)) return;
  if (!presence.fenced && store.control('override-fence') !== entry.name) {
    throw new QuorateError(
      'UNSAFE_MIGRATION',
      `${entry.name} breaks older code, and a voter of another make would let that code go on: replace it, or say quorate migrate override ${entry.name}`,
    );
  }
  const waitsFor = blockers(store, entry, presence);
  if (waitsFor.length === 0) return;
  const names = waitsFor.map(({ id, release, knows }) => {
    return `${id} (${release === '' ? `knows up to ${knows}` : `release ${release}`})`;
  });
  throw new QuorateError(
    'MIGRATION_BLOCKED',
    `${entry.name} waits for ${names.join(', ')}: upgrade them, or, if they are gone for good, ` +
      waitsFor.map(({ id }) => `quorate migrate exclude ${id}`).join(', '),
  );
}

/** Throws MIGRATION_BLOCKED when a task that comes first is not done everywhere: on every node that counts, or once for all. */
export function checkTasks(store: SchemaStore, entry: ManifestEntry, presence: Presence): void {
  for (const { name, once } of entry.tasks ?? []) {
    const done = store.taskNodes(name);
    if (done.has(WHOLE_CLUSTER)) continue;
    const missing = store
      .participants()
      .filter((each) => each.kind === 'node' && counts(each, presence) && !done.has(each.id))
      .map(({ id }) => id);
    if (once === 'node' && missing.length === 0) continue;
    throw new QuorateError(
      'MIGRATION_BLOCKED',
      once === 'cluster'
        ? `${entry.name} waits for the task ${name}, which nobody has done yet`
        : `${entry.name} waits for the task ${name} on node ${missing.join(', ')}: see its log for why it fails, or, if it is gone for good, ` +
            missing.map((id) => `quorate migrate exclude ${id}`).join(', '),
    );
  }
}
