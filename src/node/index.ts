export * from './contract.ts';
export { type DirectoryFacts, FoundDirectory } from './directory.ts';
export { Node } from './node.ts';
export type { NodeOptions } from './options.ts';
export {
  adjustRoles,
  handoverRole,
  type MemberState,
  type RoleChange,
  type RoleTargets,
} from './roles.ts';
export { SNAPSHOT_THRESHOLDS, type SnapshotThresholds } from './snapshot-taker.ts';
export type { ConsensusWatch, RaftView } from './watch.ts';
