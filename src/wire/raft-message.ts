import {
  type AppendEntries,
  assert,
  ByteReader,
  ByteWriter,
  DecodeError,
  type Entry,
  type InstallSnapshot,
  LIMITS,
  type LogIndex,
  logIndex,
  type NodeId,
  type RaftMessage,
  type RequestVote,
  type RequestVoteResult,
  type Term,
  term,
} from '../base/index.ts';
import { decodeConfiguration, encodeConfiguration } from './configuration.ts';
import {
  batchHeaderBytes,
  ENTRY_HEADER_BYTES,
  type EntryHeader,
  headersDataBytes,
  readBatchHeader,
  writeBatchHeader,
} from './entries.ts';

/** Type numbers of raft messages (raft-rpc.md §2). */
const RAFT_TYPE = {
  appendEntries: 1,
  appendEntriesResult: 2,
  requestVote: 3,
  requestVoteResult: 4,
  installSnapshot: 5,
  timeoutNow: 6,
} as const;

/** Type and header length before every message. */
export const RAFT_PREAMBLE_BYTES = 16;
const FLAG_DISRUPT = 1n;
const FLAG_PRE_VOTE = 2n;
const FLAG_ANSWERS_PRE_VOTE = 1n;
const CONNECT_TYPE = 11;
const PROTOCOL_VERSION = 1;

/** Bytes of a message: `head` (preamble and header part), then each of `payload` in order. */
export interface EncodedRaftMessage {
  readonly head: Uint8Array;
  /** The data of the entries, not copied. Empty for InstallSnapshot: its `dataLength` bytes are sent by the caller. */
  readonly payload: readonly Uint8Array[];
}

const NO_PAYLOAD: readonly Uint8Array[] = [];

/**
 * What a node writes first on a connection to a peer: the protocol version and the Connect request with its own id
 * and address (raft-rpc.md §1). Raft messages follow at once.
 */
export function encodeRaftConnect(id: NodeId, address: string): Uint8Array<ArrayBuffer> {
  const body = new ByteWriter(64).u64(id).text(address).finish();
  return new ByteWriter(16 + body.length)
    .safe(PROTOCOL_VERSION)
    .u32(body.length / 8)
    .u8(CONNECT_TYPE)
    .zeros(3)
    .raw(body)
    .finish();
}

/** Encodes a message as all dqlite versions read it (raft-rpc.md §3). */
export function encodeRaftMessage(message: RaftMessage): EncodedRaftMessage {
  switch (message.type) {
    case 'append-entries':
      return encodeAppendEntries(message);
    case 'append-entries-result': {
      const head = begin(RAFT_TYPE.appendEntriesResult, 32)
        .safe(message.term)
        .safe(message.rejected)
        .safe(message.lastIndex)
        .safe(0);
      return { head: head.finish(), payload: NO_PAYLOAD };
    }
    case 'request-vote': {
      const flags = (message.disrupt ? FLAG_DISRUPT : 0n) | (message.preVote ? FLAG_PRE_VOTE : 0n);
      const head = begin(RAFT_TYPE.requestVote, 40)
        .safe(message.term)
        .u64(message.candidate)
        .safe(message.lastIndex)
        .safe(message.lastTerm)
        .u64(flags);
      return { head: head.finish(), payload: NO_PAYLOAD };
    }
    case 'request-vote-result': {
      const head = begin(RAFT_TYPE.requestVoteResult, 24)
        .safe(message.term)
        .safe(message.granted ? 1 : 0)
        .u64(message.preVote === true ? FLAG_ANSWERS_PRE_VOTE : 0n);
      return { head: head.finish(), payload: NO_PAYLOAD };
    }
    case 'install-snapshot': {
      const configuration = encodeConfiguration(message.configuration);
      const head = begin(RAFT_TYPE.installSnapshot, 56 + configuration.length)
        .safe(message.term)
        .safe(message.lastIndex)
        .safe(message.lastTerm)
        .safe(message.configurationIndex)
        .safe(configuration.length)
        .raw(configuration)
        .safe(message.dataLength)
        .safe(0);
      return { head: head.finish(), payload: NO_PAYLOAD };
    }
    case 'timeout-now': {
      const head = begin(RAFT_TYPE.timeoutNow, 24)
        .safe(message.term)
        .safe(message.lastIndex)
        .safe(message.lastTerm);
      return { head: head.finish(), payload: NO_PAYLOAD };
    }
  }
}

function begin(type: number, headerBytes: number): ByteWriter {
  return new ByteWriter(RAFT_PREAMBLE_BYTES + headerBytes).safe(type).safe(headerBytes);
}

function encodeAppendEntries(message: AppendEntries): EncodedRaftMessage {
  const { entries } = message;
  const headerBytes = 40 + batchHeaderBytes(entries.length);
  assert(headerBytes <= LIMITS.raftHeaderBytes, 'too many entries for one message');
  const writer = begin(RAFT_TYPE.appendEntries, headerBytes)
    .safe(message.term)
    .safe(message.previousIndex)
    .safe(message.previousTerm)
    .safe(message.commit);
  writeBatchHeader(writer, entries);
  writer.safe(0);
  return {
    head: writer.finish(),
    payload: entries.length === 0 ? NO_PAYLOAD : entries.map((entry) => entry.data),
  };
}

/** A decoded header part; AppendEntries still waits for the data of its entries. */
export type RaftHeader =
  | { readonly kind: 'complete'; readonly message: RaftMessage }
  | {
      readonly kind: 'entries';
      readonly message: AppendEntries;
      readonly headers: readonly EntryHeader[];
      readonly payloadBytes: number;
    }
  | { readonly kind: 'snapshot'; readonly message: InstallSnapshot };

/**
 * Decodes the header part of a message. `type` as on the wire: its upper 48 bits are ignored.
 * Throws DecodeError on an unknown type, a length that no version has, or numbers above 2^53.
 */
export function decodeRaftHeader(type: bigint, header: Uint8Array): RaftHeader {
  const reader = new ByteReader(header);
  const code = Number(type & 0xffffn);
  switch (code) {
    case RAFT_TYPE.appendEntries:
      return decodeAppendEntries(reader);
    case RAFT_TYPE.appendEntriesResult: {
      lengthOneOf(header, 24, 32);
      const message = {
        type: 'append-entries-result',
        term: readTerm(reader),
        rejected: readIndex(reader),
        lastIndex: readIndex(reader),
      } as const;
      return { kind: 'complete', message };
    }
    case RAFT_TYPE.requestVote:
      return { kind: 'complete', message: decodeRequestVote(reader) };
    case RAFT_TYPE.requestVoteResult:
      return { kind: 'complete', message: decodeRequestVoteResult(reader) };
    case RAFT_TYPE.installSnapshot:
      return { kind: 'snapshot', message: decodeInstallSnapshot(reader) };
    case RAFT_TYPE.timeoutNow: {
      lengthOneOf(header, 24);
      const message = {
        type: 'timeout-now',
        term: readTerm(reader),
        lastIndex: readIndex(reader),
        lastTerm: readTerm(reader),
      } as const;
      return { kind: 'complete', message };
    }
    default:
      throw new DecodeError(`raft message type ${code} is not known`);
  }
}

/** Both the length that C writes and the shorter one without meaningless trailing words are legal. */
function lengthOneOf(header: Uint8Array, ...lengths: readonly number[]): void {
  if (!lengths.includes(header.length)) {
    throw new DecodeError(
      `a raft header of ${header.length} bytes instead of ${lengths.join(' or ')}`,
    );
  }
}

function readTerm(reader: ByteReader): Term {
  return term(reader.safe());
}

function readIndex(reader: ByteReader): LogIndex {
  return logIndex(reader.safe());
}

function decodeRequestVote(reader: ByteReader): RequestVote {
  lengthOneOf(reader.bytes, 32, 40);
  const message = {
    type: 'request-vote',
    term: readTerm(reader),
    candidate: reader.u64(),
    lastIndex: readIndex(reader),
    lastTerm: readTerm(reader),
  } as const;
  const flags = reader.remaining > 0 ? reader.u64() : 0n;
  return {
    ...message,
    disrupt: (flags & FLAG_DISRUPT) !== 0n,
    preVote: (flags & FLAG_PRE_VOTE) !== 0n,
  };
}

function decodeRequestVoteResult(reader: ByteReader): RequestVoteResult {
  lengthOneOf(reader.bytes, 16, 24);
  const voterTerm = readTerm(reader);
  const granted = reader.u64() === 1n;
  const preVote = reader.remaining > 0 ? (reader.u64() & FLAG_ANSWERS_PRE_VOTE) !== 0n : undefined;
  return { type: 'request-vote-result', term: voterTerm, granted, preVote };
}

function decodeAppendEntries(reader: ByteReader): RaftHeader {
  const leaderTerm = readTerm(reader);
  const previousIndex = readIndex(reader);
  const previousTerm = readTerm(reader);
  const commit = readIndex(reader);
  const countMax = Math.floor(LIMITS.raftHeaderBytes / ENTRY_HEADER_BYTES);
  const headers = readBatchHeader(reader, countMax);
  const fieldsBytes = 32 + batchHeaderBytes(headers.length);
  lengthOneOf(reader.bytes, fieldsBytes, fieldsBytes + 8);
  const payloadBytes = headersDataBytes(headers);
  const entries: readonly Entry[] = [];
  const message = {
    type: 'append-entries',
    term: leaderTerm,
    previousIndex,
    previousTerm,
    commit,
    entries,
  } as const;
  if (headers.length === 0) return { kind: 'complete', message };
  return { kind: 'entries', message, headers, payloadBytes };
}

function decodeInstallSnapshot(reader: ByteReader): InstallSnapshot {
  const leaderTerm = readTerm(reader);
  const lastIndex = readIndex(reader);
  const lastTerm = readTerm(reader);
  const configurationIndex = readIndex(reader);
  const configurationBytes = reader.safe();
  const configuration = decodeConfiguration(reader.take(configurationBytes));
  const dataLength = reader.safe();
  lengthOneOf(reader.bytes, 48 + configurationBytes, 56 + configurationBytes);
  return {
    type: 'install-snapshot',
    term: leaderTerm,
    lastIndex,
    lastTerm,
    configurationIndex,
    configuration,
    dataLength,
  };
}
