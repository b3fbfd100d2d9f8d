import type { Clock, Disk, Limits, Logger, Network, NodeId, Port, Random } from '../base/index.ts';
import type { FromMachine, FromReader, ToMachine, ToReader } from '../machine/index.ts';
import type { SnapshotThresholds } from './snapshot-taker.ts';
import type { ConsensusWatch } from './watch.ts';

/** What a node is made of. Times in ms. */
export interface NodeOptions {
  readonly id: NodeId;
  /** Byte for byte what clients and peers dial. */
  readonly address: string;
  readonly disk: Disk;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly machine: Port<ToMachine, FromMachine>;
  /** At least one. */
  readonly readers: readonly Port<ToReader, FromReader>[];
  /** A reader on this thread for what is over in a moment; it declines all else. */
  readonly briefReader?: Port<ToReader, FromReader> | undefined;
  /** 800 unless told; 3000 with C members. */
  readonly electionTimeoutMs?: number | undefined;
  /** 100 unless told; 500 with C members. */
  readonly heartbeatMs?: number | undefined;
  /**
   * 'resume': go on with what the directory holds. 'bootstrap': found a cluster with this node as its only
   * voter; fails in a directory that has belonged to one. 'wait': be contacted by a leader.
   * 'quarantine': a member that lost its log; it answers questions but never votes or acknowledges.
   */
  readonly start: 'resume' | 'bootstrap' | 'wait' | 'quarantine';
  /** Nodes with equal values are assumed to fail together. */
  readonly failureDomain?: bigint | undefined;
  readonly snapshot?: Partial<SnapshotThresholds> | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Size of a segment file, for tests and simulations. */
  readonly segmentBytes?: number | undefined;
  /** Sees what the core decides and what leaves, for simulations. */
  readonly watch?: ConsensusWatch | undefined;
}

export const ELECTION_TIMEOUT_MS = 800;
export const HEARTBEAT_MS = 100;
