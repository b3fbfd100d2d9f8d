import { assert, ByteWriter, DecodeError } from '../base/index.ts';
import { FieldStream } from './field-stream.ts';
import {
  compressedBytesMax,
  decodeLz4Block,
  LZ4_WINDOW_BYTES,
  Lz4BlockEncoder,
} from './lz4-block.ts';
import { XxHash32, xxhash32 } from './xxhash32.ts';

const LZ4_MAGIC = 0x184d2204;
const VERSION = 0x40;
const VERSION_MASK = 0xc0;
const INDEPENDENT = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const RESERVED_FLAG = 0x02;
const DICTIONARY = 0x01;
const STORED = 0x8000_0000;
/** Descriptor code of 256 KiB blocks; codes 4 to 7 are 64 KiB, 256 KiB, 1 MiB, 4 MiB. */
const BLOCK_CODE = 5;
/** A block is compressed at one go, in about a millisecond: consensus runs on the same thread. */
const BLOCK_BYTES = 256 * 1024;

/** True when a file starts with the magic number of an LZ4 frame. */
export function isLz4Frame(start: Uint8Array): boolean {
  return (
    start.length >= 4 &&
    start[0] === 0x04 &&
    start[1] === 0x22 &&
    start[2] === 0x4d &&
    start[3] === 0x18
  );
}

/**
 * Compresses a stream of known length into one LZ4 frame: independent blocks of 256 KiB, content size and content
 * checksum present, as every dqlite version reads it (disk-format.md §8.2). Memory: about two blocks.
 */
export class Lz4FrameEncoder {
  readonly #contentBytes: number;
  readonly #blockBytes: number;
  readonly #blocks = new Lz4BlockEncoder();
  readonly #hash = new XxHash32();
  #pending: Uint8Array<ArrayBuffer>;
  #pendingBytes = 0;
  #takenBytes = 0;
  #started = false;

  /** `contentBytes`: exact length of everything that will be written. */
  constructor(contentBytes: number) {
    assert(Number.isSafeInteger(contentBytes) && contentBytes >= 0, 'lz4: bad content size');
    this.#contentBytes = contentBytes;
    this.#blockBytes = Math.min(BLOCK_BYTES, Math.max(contentBytes, 1));
    this.#pending = new Uint8Array(this.#blockBytes);
  }

  /** Takes content; returns finished parts of the frame, often none. */
  write(content: Uint8Array): readonly Uint8Array[] {
    this.#takenBytes += content.length;
    assert(this.#takenBytes <= this.#contentBytes, 'lz4: more content than announced');
    this.#hash.update(content);
    const parts: Uint8Array[] = this.#started ? [] : [this.#header()];
    let at = 0;
    while (at < content.length) {
      const count = Math.min(content.length - at, this.#blockBytes - this.#pendingBytes);
      this.#pending.set(content.subarray(at, at + count), this.#pendingBytes);
      this.#pendingBytes += count;
      at += count;
      if (this.#pendingBytes === this.#blockBytes) parts.push(this.#block());
    }
    return parts;
  }

  /** Ends the frame. Asserts that exactly the announced length was written. */
  finish(): readonly Uint8Array[] {
    assert(this.#takenBytes === this.#contentBytes, 'lz4: less content than announced');
    const parts: Uint8Array[] = this.#started ? [] : [this.#header()];
    if (this.#pendingBytes > 0) parts.push(this.#block());
    parts.push(new ByteWriter(8).u32(0).u32(this.#hash.digest()).finish());
    this.#pending = new Uint8Array(0);
    return parts;
  }

  #header(): Uint8Array {
    this.#started = true;
    const descriptor = new ByteWriter(10)
      .u8(VERSION | INDEPENDENT | CONTENT_SIZE | CONTENT_CHECKSUM)
      .u8(BLOCK_CODE << 4)
      .safe(this.#contentBytes)
      .finish();
    const checksum = (xxhash32(descriptor) >>> 8) & 255;
    return new ByteWriter(15).u32(LZ4_MAGIC).raw(descriptor).u8(checksum).finish();
  }

  #block(): Uint8Array {
    const source = this.#pending.subarray(0, this.#pendingBytes);
    this.#pendingBytes = 0;
    const target = new Uint8Array(4 + compressedBytesMax(source.length));
    const view = new DataView(target.buffer);
    const end = this.#blocks.encode(source, target, 4);
    if (end - 4 < source.length) {
      view.setUint32(0, end - 4, true);
      return target.subarray(0, end);
    }
    view.setUint32(0, (STORED | source.length) >>> 0, true);
    target.set(source, 4);
    return target.subarray(0, 4 + source.length);
  }
}

interface Descriptor {
  readonly independent: boolean;
  readonly blockChecksum: boolean;
  readonly contentChecksum: boolean;
  readonly contentBytes: number | undefined;
  readonly blockBytes: number;
}

type Step = 'magic' | 'flags' | 'descriptor' | 'block-size' | 'block' | 'checksum' | 'done';

/**
 * Decompresses one LZ4 frame that arrives in chunks of any size. Accepts linked and independent blocks, all block
 * sizes, stored blocks, block checksums, an absent content size. Memory: the compressed block at hand, the
 * window and one block of content (at most about 8 MiB), whatever the frame announces. Throws DecodeError on any damage, and
 * when the content becomes larger than announced or than `contentBytesMax`.
 */
export class Lz4FrameDecoder {
  readonly #contentBytesMax: number;
  readonly #hash = new XxHash32();
  #step: Step = 'magic';
  readonly #fields = new FieldStream(4);
  #flags = 0;
  #descriptor: Descriptor | undefined;
  #blockHead = 0;
  /** Up to a window of earlier content, then the block being decoded. */
  #window = new Uint8Array(0);
  #windowBytes = 0;
  /** What a block may fill in the window. Twice the history stands before it, so that small blocks move it rarely. */
  #roomBytes = 0;
  #producedBytes = 0;

  constructor(contentBytesMax: number = Number.MAX_SAFE_INTEGER) {
    this.#contentBytesMax = contentBytesMax;
  }

  /** Length of the content if the frame says so and its header was read. */
  get contentBytes(): number | undefined {
    return this.#descriptor?.contentBytes;
  }

  /** True when the frame is complete and all its checks passed. */
  get done(): boolean {
    return this.#step === 'done';
  }

  /**
   * Takes bytes of the frame; calls `emit` with content in order. What it gets is valid only during the call: the
   * memory is used again. Throws DecodeError on bytes after the end of the frame.
   */
  write(chunk: Uint8Array, emit: (content: Uint8Array) => void): void {
    this.#fields.write(chunk, (field) => this.#take(field, emit));
  }

  /** Must be called after the last byte. Throws DecodeError when the frame is not complete. */
  finish(): void {
    if (this.#step !== 'done') throw new DecodeError('lz4: the frame is cut off');
  }

  #want(step: Step, bytes: number): number {
    this.#step = step;
    return bytes;
  }

  /** Handles one field; returns the length of the next. */
  #take(field: Uint8Array, emit: (content: Uint8Array) => void): number {
    switch (this.#step) {
      case 'magic':
        if (!isLz4Frame(field)) throw new DecodeError('lz4: not a frame');
        return this.#want('flags', 1);
      case 'flags':
        this.#flags = field[0];
        return this.#want('descriptor', this.#flags & CONTENT_SIZE ? 10 : 2);
      case 'descriptor':
        this.#descriptor = readDescriptor(this.#flags, field);
        if ((this.#descriptor.contentBytes ?? 0) > this.#contentBytesMax) {
          throw new DecodeError('lz4: the content is larger than allowed');
        }
        return this.#want('block-size', 4);
      case 'block-size':
        return this.#takeBlockSize(this.#frame(), readU32(field));
      case 'block':
        this.#takeBlock(this.#frame(), field, emit);
        return this.#want('block-size', 4);
      case 'checksum':
        if (readU32(field) !== this.#hash.digest()) {
          throw new DecodeError('lz4: the content has a wrong checksum');
        }
        return this.#want('done', 1);
      case 'done':
        throw new DecodeError('lz4: bytes after the end of the frame');
    }
  }

  #frame(): Descriptor {
    assert(this.#descriptor !== undefined, 'lz4: no descriptor');
    return this.#descriptor;
  }

  #takeBlockSize(frame: Descriptor, head: number): number {
    if (head !== 0) {
      const bytes = head & ~STORED;
      // A compressed block is always smaller than what it holds; otherwise it is stored.
      if (bytes === 0 || bytes > frame.blockBytes) throw new DecodeError('lz4: a bad block size');
      this.#blockHead = head;
      return this.#want('block', bytes + (frame.blockChecksum ? 4 : 0));
    }
    if (frame.contentBytes !== undefined && frame.contentBytes !== this.#producedBytes) {
      throw new DecodeError(
        `lz4: content of ${this.#producedBytes} bytes instead of ${frame.contentBytes}`,
      );
    }
    this.#window = new Uint8Array(0);
    return frame.contentChecksum ? this.#want('checksum', 4) : this.#want('done', 1);
  }

  #takeBlock(frame: Descriptor, field: Uint8Array, emit: (content: Uint8Array) => void): void {
    const data = frame.blockChecksum ? field.subarray(0, -4) : field;
    if (frame.blockChecksum && readU32(field.subarray(-4)) !== xxhash32(data)) {
      throw new DecodeError('lz4: a block has a wrong checksum');
    }
    const content =
      this.#blockHead >= STORED && frame.independent ? data : this.#decode(frame, data);
    const limit = Math.min(frame.contentBytes ?? this.#contentBytesMax, this.#contentBytesMax);
    this.#producedBytes += content.length;
    if (this.#producedBytes > limit) {
      throw new DecodeError('lz4: the content is larger than announced or allowed');
    }
    this.#hash.update(content);
    if (content.length > 0) emit(content);
  }

  /** Decodes into the window behind the earlier content that linked blocks may refer to. */
  #decode(frame: Descriptor, data: Uint8Array): Uint8Array {
    if (this.#window.length === 0) {
      const history = frame.independent ? 0 : 2 * LZ4_WINDOW_BYTES;
      this.#roomBytes = Math.min(frame.blockBytes, frame.contentBytes ?? frame.blockBytes);
      this.#window = new Uint8Array(history + this.#roomBytes);
    }
    const window = this.#window;
    if (frame.independent) this.#windowBytes = 0;
    else if (
      this.#windowBytes > LZ4_WINDOW_BYTES &&
      this.#windowBytes > window.length - this.#roomBytes
    ) {
      window.copyWithin(0, this.#windowBytes - LZ4_WINDOW_BYTES, this.#windowBytes);
      this.#windowBytes = LZ4_WINDOW_BYTES;
    }
    const start = this.#windowBytes;
    const limit = Math.min(window.length, start + frame.blockBytes);
    if (this.#blockHead >= STORED) {
      if (data.length > limit - start) throw new DecodeError('lz4: a block is larger than allowed');
      window.set(data, start);
      this.#windowBytes = start + data.length;
    } else {
      this.#windowBytes = decodeLz4Block(data, window, start, 0, limit);
    }
    return window.subarray(start, this.#windowBytes);
  }
}

/** `field`: block descriptor byte, content size if flagged, checksum byte. */
function readDescriptor(flags: number, field: Uint8Array): Descriptor {
  if ((flags & VERSION_MASK) !== VERSION) throw new DecodeError('lz4: unknown version');
  if (flags & DICTIONARY) throw new DecodeError('lz4: dictionaries are not supported');
  if (flags & RESERVED_FLAG || field[0] & 0x8f) throw new DecodeError('lz4: reserved bits are set');
  const code = field[0] >> 4;
  if (code < 4) throw new DecodeError(`lz4: unknown block size ${code}`);
  const checked = new Uint8Array(field.length);
  checked[0] = flags;
  checked.set(field.subarray(0, -1), 1);
  if (((xxhash32(checked) >>> 8) & 255) !== field[field.length - 1]) {
    throw new DecodeError('lz4: the frame header has a wrong checksum');
  }
  let contentBytes: number | undefined;
  if (flags & CONTENT_SIZE) {
    const high = readU32(field.subarray(5));
    if (high >= 0x200000) throw new DecodeError('lz4: the content size is above 2^53');
    contentBytes = high * 2 ** 32 + readU32(field.subarray(1));
  }
  return {
    independent: (flags & INDEPENDENT) !== 0,
    blockChecksum: (flags & BLOCK_CHECKSUM) !== 0,
    contentChecksum: (flags & CONTENT_CHECKSUM) !== 0,
    contentBytes,
    blockBytes: 1 << (8 + 2 * code),
  };
}

function readU32(bytes: Uint8Array): number {
  return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
}
