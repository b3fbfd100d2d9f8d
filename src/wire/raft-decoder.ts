import {
  type AppendEntries,
  assert,
  ByteReader,
  DecodeError,
  LIMITS,
  type RaftMessage,
} from '../base/index.ts';
import { type EntryHeader, entriesFromPayload } from './entries.ts';
import { FieldStream } from './field-stream.ts';
import { decodeRaftHeader, RAFT_PREAMBLE_BYTES } from './raft-message.ts';

/** What a RaftDecoder tells its user, in the order of the stream. */
export interface RaftDecoderEvents {
  /** A complete message; for InstallSnapshot its header, with `payload` calls to follow if `dataLength` > 0. */
  message(message: RaftMessage): void;
  /**
   * Content of the InstallSnapshot reported last. `bytes` are valid only during the call.
   * `last` is true for the final piece.
   */
  payload(bytes: Uint8Array, last: boolean): void;
}

export interface RaftDecoderLimits {
  readonly headerBytes: number;
  /** Of AppendEntries: it is kept in memory. */
  readonly payloadBytes: number;
  /** Of InstallSnapshot: it is handed through. */
  readonly snapshotBytes: number;
}

const DEFAULT_LIMITS: RaftDecoderLimits = {
  headerBytes: LIMITS.raftHeaderBytes,
  payloadBytes: LIMITS.raftPayloadBytes,
  snapshotBytes: Number.MAX_SAFE_INTEGER,
};

/** Up to this size the memory for a payload is taken at once, above it as the bytes come. */
const PAYLOAD_BYTES_AT_ONCE = 1024 * 1024;

/**
 * Reads the raft stream of one peer, from behind its Connect message, in chunks of any size.
 * After a DecodeError the stream is lost: close the connection.
 */
export class RaftDecoder {
  readonly #events: RaftDecoderEvents;
  readonly #limits: RaftDecoderLimits;
  readonly #fields = new FieldStream(RAFT_PREAMBLE_BYTES);
  #type: bigint | undefined;
  #entries: PendingEntries | undefined;
  #snapshotLeft = 0;

  constructor(events: RaftDecoderEvents, limits: Partial<RaftDecoderLimits> = {}) {
    this.#events = events;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** True when the stream ends between two messages, where an orderly end is possible. */
  get atBoundary(): boolean {
    return (
      this.#fields.atBoundary &&
      this.#type === undefined &&
      this.#entries === undefined &&
      this.#snapshotLeft === 0
    );
  }

  /** Takes bytes from the connection. Throws DecodeError on anything malformed or above the limits. */
  write(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#entries !== undefined) rest = this.#takeEntries(this.#entries, rest);
      else if (this.#snapshotLeft > 0) rest = this.#takeSnapshot(rest);
      else rest = this.#takeHeaders(rest);
    }
  }

  /** Preambles and headers; returns what stands behind a header that announces a payload. */
  #takeHeaders(chunk: Uint8Array): Uint8Array {
    let at = 0;
    while (at < chunk.length) {
      // Fields are fed one at a time, because a payload may follow right behind a header.
      const end = Math.min(chunk.length, at + this.#fields.missingBytes);
      this.#fields.write(chunk.subarray(at, end), (field) => this.#takeField(field));
      at = end;
      if (this.#entries !== undefined || this.#snapshotLeft > 0) break;
    }
    return chunk.subarray(at);
  }

  /** Returns the length of the next field. */
  #takeField(field: Uint8Array): number {
    if (this.#type === undefined) {
      const reader = new ByteReader(field);
      this.#type = reader.u64();
      const headerBytes = reader.safe();
      if (headerBytes === 0 || headerBytes > this.#limits.headerBytes) {
        throw new DecodeError(`a raft header of ${headerBytes} bytes`);
      }
      return headerBytes;
    }
    const header = decodeRaftHeader(this.#type, field);
    this.#type = undefined;
    if (header.kind === 'entries') {
      if (header.payloadBytes > this.#limits.payloadBytes) {
        throw new DecodeError(`entries of ${header.payloadBytes} bytes in one message`);
      }
      this.#entries = new PendingEntries(header.message, header.headers, header.payloadBytes);
    } else {
      if (header.kind === 'snapshot') {
        if (header.message.dataLength > this.#limits.snapshotBytes) {
          throw new DecodeError(`a snapshot of ${header.message.dataLength} bytes`);
        }
        this.#snapshotLeft = header.message.dataLength;
      }
      this.#events.message(header.message);
    }
    return RAFT_PREAMBLE_BYTES;
  }

  #takeEntries(pending: PendingEntries, chunk: Uint8Array): Uint8Array {
    const rest = pending.take(chunk);
    const message = pending.complete();
    if (message !== undefined) {
      this.#entries = undefined;
      this.#events.message(message);
    }
    return rest;
  }

  #takeSnapshot(chunk: Uint8Array): Uint8Array {
    const count = Math.min(chunk.length, this.#snapshotLeft);
    this.#snapshotLeft -= count;
    this.#events.payload(chunk.subarray(0, count), this.#snapshotLeft === 0);
    return chunk.subarray(count);
  }
}

/** An AppendEntries whose entry data is still coming. The data gets memory of its own: the log keeps it. */
class PendingEntries {
  readonly #message: AppendEntries;
  readonly #headers: readonly EntryHeader[];
  readonly #payloadBytes: number;
  #payload: Uint8Array;
  #filled = 0;

  constructor(message: AppendEntries, headers: readonly EntryHeader[], payloadBytes: number) {
    assert(payloadBytes > 0, 'entries without data');
    this.#message = message;
    this.#headers = headers;
    this.#payloadBytes = payloadBytes;
    this.#payload = new Uint8Array(Math.min(payloadBytes, PAYLOAD_BYTES_AT_ONCE));
  }

  /** Takes its part of the chunk; returns the rest. */
  take(chunk: Uint8Array): Uint8Array {
    const count = Math.min(chunk.length, this.#payloadBytes - this.#filled);
    const needed = this.#filled + count;
    if (needed > this.#payload.length) {
      const grown = new Uint8Array(Math.min(this.#payloadBytes, needed * 2));
      grown.set(this.#payload.subarray(0, this.#filled));
      this.#payload = grown;
    }
    this.#payload.set(chunk.subarray(0, count), this.#filled);
    this.#filled = needed;
    return chunk.subarray(count);
  }

  complete(): AppendEntries | undefined {
    if (this.#filled < this.#payloadBytes) return undefined;
    const payload = this.#payload.subarray(0, this.#payloadBytes);
    return { ...this.#message, entries: entriesFromPayload(this.#headers, payload) };
  }
}
