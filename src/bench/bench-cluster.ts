/** Three nodes as processes, of either kind. */
export interface BenchCluster {
  readonly name: string;
  /** Where clients reach the nodes; with simulated distance only the way between nodes is long. */
  readonly addresses: readonly string[];
  readonly directories: readonly string[];
  readonly pids: number[];
  /** Of the node that leads now, as clients reach it. Waits until there is one. */
  leaderAddress(): Promise<string>;
  /** SIGKILL to the node at a place of `addresses`, and waits for its end. */
  kill(index: number): Promise<void>;
  /** Starts a killed node again; resolves when it takes connections. */
  restart(index: number): Promise<void>;
  /** Waits until every node votes and follows. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** From one node to another and back. */
  readonly roundTripMs?: number;
  /** Log entries between two snapshots; absent: the default of the server. */
  readonly snapshotEntries?: number;
  /** Of Quorate only. */
  readonly dqliteReads?: 'lease';
}

export const NODES = 3;
