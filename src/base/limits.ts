/** Every bound of the system by name (M13). docs/limits.md is the table for users. */
export const LIMITS = {
  /** Largest client message, header included. */
  clientMessageBytes: 64 * 1024 * 1024,
  /** Largest header of a raft message (raft-rpc.md §17). */
  raftHeaderBytes: 4 * 1024 * 1024,
  /** Largest payload of a raft message; C after 1.18.6 refuses more. */
  raftPayloadBytes: 500 * 1024 * 1024,
  /** Payload that a leader puts into one AppendEntries message at most, unless one entry is larger. */
  appendEntriesBytes: 1024 * 1024,
  /** Entries that a leader puts into one AppendEntries message at most. */
  appendEntriesCount: 4096,
  /** AppendEntries bytes in flight to one follower. */
  replicationWindowBytes: 8 * 1024 * 1024,
  /** Pages of one transaction, as bytes of page images (64 MiB). */
  transactionBytes: 64 * 1024 * 1024,
  /** One text, blob or row (SQLITE_LIMIT_LENGTH): SQLite would build values of 1 GB in memory (64 MiB). */
  valueBytes: 64 * 1024 * 1024,
  /** Pattern of LIKE and GLOB: each wildcard in it takes a level of the stack. */
  likePatternBytes: 2048,
  /** No transaction starts while the unsealed difference has more pages than this. */
  unsealedPages: 256,
  /** A head with this many bytes is sealed without waiting for its pace. */
  sealBytes: 256 * 1024,
  /** Sealed entries in flight per node. */
  sealWindow: 4,
  /** Results held back by the output gate; above it no transaction starts. */
  gateBytes: 32 * 1024 * 1024,
  /** Rows buffered for a query inside a write transaction, or RETURNING. */
  bufferedResultBytes: 16 * 1024 * 1024,
  /** Size at which a batch of rows is closed. C uses 4096 (client-protocol.md §7.1). */
  rowsBatchBytes: 4096,
  /** Row batches that a reader may be ahead of its consumer. */
  rowsBatchesAhead: 2,
  /** Memory of a SQLite instance above which it is replaced when nobody has state in it. */
  engineBytes: 256 * 1024 * 1024,
  connections: 1024,
  connectionsPerAddress: 1024,
  statementsPerConnection: 1024,
  streamsPerConnection: 1024,
  requestsInFlightPerConnection: 256,
  /** Writes waiting for the write slot of one database. */
  writeQueue: 4096,
  writeQueueMs: 10_000,
  transactionIdleMs: 5_000,
  transactionTotalMs: 60_000,
  /** Shortest election timeout that a node is started with. */
  electionTimeoutMinMs: 50,
  /**
   * How long a leader answers reads of the level `lease` after the beginning of a round that a quorum answered (M7): the shortest election
   * timeout less a tenth, by which clocks may run apart. With the default timeout of 800 ms they may run apart by a factor of 17.
   */
  leaseMs: 45,
  handshakeMs: 5_000,
  messageMs: 30_000,
  /** Raft log kept behind a snapshot for followers that lag, in bytes of entry data, and how much of the log is in memory. */
  logTailBytes: 64 * 1024 * 1024,
  logMemoryBytes: 16 * 1024 * 1024,
  snapshotLogBytes: 64 * 1024 * 1024,
  snapshotLogEntries: 2 ** 16,
  /** How long writers wait for one migration, unless it says otherwise. */
  schemaStallMs: 10_000,
  /** What a rehearsal of migrations may write into its copy. */
  rehearsalBytes: 256 * 1024 * 1024,
  /** How long a client that registered its migrations counts at a barrier after it was last heard of. */
  schemaLeaseMs: 60_000,
  /** Registered clients that a leader remembers. */
  schemaClients: 10_000,
  databaseNameBytes: 255,
  /** Address of a member. */
  addressBytes: 255,
  members: 1024,
  /** Pages of one database: 2^20 pages of 4 KiB are 4 GiB. */
  databasePages: 2 ** 20,
} as const;

export type Limits = { readonly [K in keyof typeof LIMITS]: number };
