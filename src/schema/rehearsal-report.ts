/** What a rehearsal of migrations on a copy has shown. */
export interface RehearsalReport {
  /** Log index of the version that was copied. */
  readonly index: number;
  readonly namespace: string;
  /** Of the database before. */
  readonly version: number;
  /** All that is pending, in the order in which it was tried. */
  readonly migrations: readonly MigrationRehearsal[];
  /** What is different when contracts that float come after everything else; undefined when none of them could. */
  readonly late: readonly string[] | undefined;
  /** Bytes in a millisecond that the estimates of stalls reckon with. */
  readonly bytesPerMs: number;
}

/** What became of one migration. */
export interface MigrationRehearsal {
  readonly name: string;
  readonly kind: string;
  /** 'skipped': it is code, or something before it did not come to its end. */
  readonly outcome: 'applied' | 'failed' | 'skipped';
  /** Why it failed, or was skipped; '' otherwise. */
  readonly code: string;
  readonly message: string;
  /** Time on the node that has tried it. */
  readonly ms: number;
  readonly statements: number;
  /** As the history of the real run counts them. */
  readonly pages: number;
  /** Of all its entries of the log: pages, and bytes of their images. */
  readonly entryPages: number;
  readonly entryBytes: number;
  /** For how long writers will wait; of a backfill: for its longest batch. */
  readonly stallMs: number;
  /** For how long they may. */
  readonly stallLimitMs: number;
  /** Tables whose number of rows changed; null = not there. */
  readonly rows: readonly RowChange[];
  /** Rows whose foreign key points nowhere. */
  readonly violationsBefore: number;
  readonly violationsAfter: number;
  /** Of the schema afterwards. */
  readonly fingerprint: string;
  readonly changes: readonly string[];
  /** Of a backfill: batches and changed rows. */
  readonly batches: number;
  readonly changedRows: number;
}

export interface RowChange {
  readonly table: string;
  readonly before: number | null;
  readonly after: number | null;
}
