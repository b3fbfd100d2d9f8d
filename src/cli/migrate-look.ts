import type { CallOptions } from '../client/index.ts';
import {
  driftWaits,
  isDrifted,
  type NamespaceStatus,
  schemaStatus,
  type Wait,
  waitsOf,
} from '../migrate/index.ts';
import type { ClusterDatabase } from './migrate-common.ts';

/** What one look at a database has found. */
export interface Look {
  readonly statuses: readonly NamespaceStatus[];
  readonly waits: readonly Wait[];
}

/** Looks at all namespaces, or one; with the consistency 'local' also without a leader. Throws QuorateError. */
export async function lookAt(
  database: ClusterDatabase,
  namespace: string | undefined,
  options: CallOptions = {},
): Promise<Look> {
  const all = await schemaStatus(database, options);
  const statuses = all.filter((each) => namespace === undefined || each.namespace === namespace);
  const members = options.consistency === 'local' ? undefined : await memberIds(database, options);
  const drifted =
    statuses.some(({ pending }) => pending.length > 0) && (await isDrifted(database, options));
  return {
    statuses,
    waits: statuses.flatMap((status) => [
      ...waitsOf(status, members),
      ...(drifted ? driftWaits(status) : []),
    ]),
  };
}

/** Nodes that are no members do not count; a cluster that cannot be asked leaves all of them in. */
export async function memberIds(
  { cluster }: ClusterDatabase,
  options: CallOptions,
): Promise<ReadonlySet<string> | undefined> {
  const members = await cluster.members(options).catch(() => undefined);
  return members && new Set(members.map(({ id }) => String(id)));
}
