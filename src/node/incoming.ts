import type { Connection, InstallSnapshot, Logger, NodeId, RaftMessage } from '../base/index.ts';
import { RaftDecoder } from '../wire/index.ts';

/** Takes the payload of an offered snapshot. */
export interface SnapshotReceiver {
  /** The bytes are the receiver's own. Resolves when more may come. */
  chunk(bytes: Uint8Array, last: boolean): Promise<void>;
  /** The connection broke before the last chunk. */
  broken(): void;
}

export interface IncomingEvents {
  message(message: Exclude<RaftMessage, InstallSnapshot>): void;
  /** undefined = read past the payload. */
  snapshot(message: InstallSnapshot): SnapshotReceiver | undefined;
}

/** Content handed on at a time: the pieces of a connection are small, the disk likes more. */
const CHUNK_BYTES = 256 * 1024;

/** One raft stream that a peer opened to us; it only ever sends (raft-rpc.md §1). */
export class Incoming {
  readonly #connection: Connection;
  readonly #events: IncomingEvents;
  readonly #logger: Logger;
  readonly #peer: NodeId;
  readonly #decoder: RaftDecoder;
  #receiver: SnapshotReceiver | undefined;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #writing = 0;
  #closed = false;

  constructor(connection: Connection, peer: NodeId, events: IncomingEvents, logger: Logger) {
    this.#connection = connection;
    this.#peer = peer;
    this.#events = events;
    this.#logger = logger;
    this.#decoder = new RaftDecoder({
      message: (message) => this.#message(message),
      payload: (bytes, last) => this.#payload(bytes, last),
    });
  }

  /** `onClose` is called once when the stream is over. */
  start(alreadyRead: Uint8Array, onClose: () => void): void {
    this.#connection.start({
      data: (bytes) => this.#data(bytes),
      drain: () => undefined,
      close: () => {
        this.#close();
        onClose();
      },
    });
    this.#data(alreadyRead);
  }

  destroy(): void {
    this.#close();
    this.#connection.destroy();
  }

  #data(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    try {
      this.#decoder.write(bytes);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger('warn', 'a raft stream is malformed', { peer: this.#peer, reason });
      this.destroy();
    }
  }

  #message(message: RaftMessage): void {
    if (this.#closed) return;
    if (message.type === 'install-snapshot') this.#receiver = this.#events.snapshot(message);
    else this.#events.message(message);
  }

  #payload(bytes: Uint8Array, last: boolean): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#closed) return;
    // The connection uses its memory again.
    this.#chunks.push(bytes.slice());
    this.#chunkBytes += bytes.length;
    if (this.#chunkBytes < CHUNK_BYTES && !last) return;
    const chunk = join(this.#chunks, this.#chunkBytes);
    this.#chunks = [];
    this.#chunkBytes = 0;
    if (last) this.#receiver = undefined;
    if (this.#writing++ === 0) this.#connection.pause();
    receiver.chunk(chunk, last).then(
      () => this.#written(),
      () => this.destroy(),
    );
  }

  #written(): void {
    if (--this.#writing === 0 && !this.#closed) this.#connection.resume();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.broken();
  }
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const joined = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
