import type { LogIndex, NodeId, Value } from '../base/index.ts';
import type {
  ExtensionParameters,
  ExtensionResult,
  ExtensionRun,
  IntegerReader,
} from '../wire/index.ts';
import type { Call } from './call.ts';
import type { StatementInfo } from './types.ts';

/** One statement with its parameters in the form of the wire. */
export interface StatementText {
  readonly sql: string;
  readonly parameters: ExtensionParameters;
}

/** What to run on one node. */
export interface Run
  extends Pick<
    ExtensionRun,
    | 'consistency'
    | 'kind'
    | 'mode'
    | 'minimumIndex'
    | 'maxStalenessMs'
    | 'maxStalenessEntries'
    | 'declaration'
  > {
  readonly database: string;
  readonly statements: readonly StatementText[];
  /** False only when the text surely changes nothing. */
  readonly write: boolean;
  readonly integers: IntegerReader;
}

/** Takes rows as they arrive; `taken` lets the server send more. */
export type RowsHandler = (
  statementIndex: number,
  columns: readonly string[],
  rows: Value[][],
  taken: () => void,
) => void;

/** How a run ended well. */
export interface RunEnd {
  readonly index: LogIndex;
  readonly nodeId: NodeId;
  readonly inTransaction: boolean;
  readonly results: readonly ExtensionResult[];
}

export interface LeaderClaim {
  /** HOST:PORT; '' = none known. */
  readonly address: string;
  /** The node names itself. */
  readonly self: boolean;
}

export interface StreamOptions {
  readonly database: string;
  readonly readOnly: boolean;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** Statements that share one server-side connection. Ends with its link. */
export interface LinkStream {
  readonly link: Link;
  readonly closed: boolean;
  run(run: Run, call: Call, rows: RowsHandler): Promise<RunEnd>;
  /** Rolls back what is open; does not wait. */
  close(): void;
}

/**
 * Connection to one node, by our extension or by plain dqlite. Methods throw QuorateError for what the
 * server answered and NotAnswered when there is no answer.
 */
export interface Link {
  /** As it was dialled. */
  readonly address: string;
  readonly nodeId: NodeId;
  /** As the node names itself. */
  readonly nodeAddress: string;
  readonly protocol: 'extension' | 'plain';
  readonly closed: boolean;
  run(run: Run, call: Call, rows: RowsHandler): Promise<RunEnd>;
  openStream(options: StreamOptions, call: Call): LinkStream;
  describe(database: string, sql: string, call: Call): Promise<StatementInfo>;
  /** Whom the node takes for the leader. */
  leaderClaim(call: Call): Promise<LeaderClaim>;
  /** Addresses of all members as the node knows them. */
  memberAddresses(call: Call): Promise<string[]>;
  destroy(reason?: Error): void;
}

/** What a link tells its owner unasked. */
export interface LinkEvents {
  leader(link: Link, claim: LeaderClaim): void;
  /** Requests are pending and nothing comes. */
  silent(link: Link): void;
  closed(link: Link): void;
}
