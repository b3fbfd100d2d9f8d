/** What a connection tells its user. Set once, right after dial or accept, before anything arrives. */
export interface ConnectionEvents {
  /** Bytes as they come; the buffer belongs to the receiver for the length of the call only. */
  data(bytes: Uint8Array): void;
  /** `bufferedBytes` fell to 0 again after it had been above 0. */
  drain(): void;
  /** The connection is gone; nothing follows. `reason` is absent after an orderly end. Called exactly once. */
  close(reason?: Error): void;
}

/** A reliable, ordered stream of bytes in both directions. */
export interface Connection {
  /** HOST:PORT of the other side, for messages only. */
  readonly remoteAddress: string;
  /** Written but not yet taken by the operating system. */
  readonly bufferedBytes: number;
  start(events: ConnectionEvents): void;
  /** Queues bytes; the caller must not change them any more. Ignored after the end. */
  write(bytes: Uint8Array): void;
  /** Queues several chunks as one write. */
  writeAll(chunks: readonly Uint8Array[]): void;
  /** Stops `data` calls until `resume`: back-pressure. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends the connection. */
  end(): void;
  /** Ends at once; `close` is called with the reason. */
  destroy(reason?: Error): void;
}

export interface Listener {
  /** The address actually bound (port 0 becomes a real one). */
  readonly address: string;
  close(): Promise<void>;
}

/** TCP or its simulated twin. Addresses are HOST:PORT. */
export interface Network {
  /** Rejects with an Error with `code` EADDRINUSE and the like. */
  listen(address: string, accept: (connection: Connection) => void): Promise<Listener>;
  /** Rejects with an Error when no connection could be opened within `timeoutMs`. */
  dial(address: string, timeoutMs: number): Promise<Connection>;
}
