import type { HashFactory, Limits, Logger, NodeId } from '../base/index.ts';
import type { NodeServices } from '../node/index.ts';

/** Where the actions of a session go: to the socket loop, or to a list in tests. */
export interface SessionOutput {
  /** Bytes sent but not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** Whole messages or parts of one; the bytes are not changed afterwards. */
  send(chunks: readonly Uint8Array[]): void;
  /** The connection ends once everything sent is written. `reason` is for the log only. */
  end(reason: string): void;
  /** The connection belongs to raft from here on; `rest` are the bytes that followed the Connect message. */
  takeOver(id: NodeId, address: string, rest: Uint8Array): void;
}

/** What all sessions of a server share. */
export interface SessionContext {
  readonly services: NodeServices;
  /** SHA-256, for digests. */
  readonly hash: HashFactory;
  readonly limits: Limits;
  /** What reads in dqlite's own protocol are guaranteed to see: its requests carry no level. */
  readonly dqliteReads: 'linearizable' | 'lease';
  readonly logger: Logger;
}

/** With this much unsent no plain request starts and no rows are asked for: the client is slower than we are. */
export const OUTPUT_HIGH_BYTES = 256 * 1024;
/** With this much unsent nothing more is read from the connection. */
export const OUTPUT_STOP_BYTES = 4 * 1024 * 1024;
