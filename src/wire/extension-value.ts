import {
  type ByteReader,
  type ByteWriter,
  DecodeError,
  fromUtf8,
  pad8,
  type Value,
} from '../base/index.ts';
import { KnownTexts } from './known-texts.ts';

/** Type codes of values in our extension (docs/protocol-extensions.md): every storage class as it is. */
export const EXTENSION_VALUE = { integer: 1, float: 2, text: 3, blob: 4, null: 5 } as const;

/** Parameters of a statement: by position, or by name with or without the prefix. */
export type ExtensionParameters =
  | { readonly kind: 'positional'; readonly values: readonly Value[] }
  | { readonly kind: 'named'; readonly values: readonly (readonly [string, Value])[] };

export interface ExtensionStatement {
  readonly sql: string;
  readonly parameters: ExtensionParameters;
}

/** Flag of *parameters*: each value has its name before it. */
const NAMED = 1;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Appends *bytes*: length, content, padding. */
export function writeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer
    .safe(bytes.length)
    .raw(bytes)
    .zeros(pad8(bytes.length) - bytes.length);
}

/** Appends *string*. */
export function writeString(writer: ByteWriter, text: string): void {
  const at = writer.length;
  writer.safe(0);
  const length = writer.utf8(text);
  // A text has less than 2^32 bytes: the upper half of its length stays 0.
  writer.patchU32(at, length).zeros(pad8(length) - length);
}

/** Reads *bytes*, sharing memory with the message. */
export function readBytes(reader: ByteReader): Uint8Array {
  const length = reader.safe();
  const bytes = reader.take(length);
  reader.skip(pad8(length) - length);
  return bytes;
}

/** Reads *string*. */
export function readString(reader: ByteReader): string {
  return fromUtf8(readBytes(reader));
}

const names = new KnownTexts();

/** Reads a *string* that comes again and again: a name, or SQL. */
export function readName(reader: ByteReader): string {
  return names.decode(readBytes(reader));
}

/** Appends *value*. Safe integers travel as integers, other numbers as floats; NaN is NULL, as in SQLite. */
function writeValue(writer: ByteWriter, value: Value): void {
  if (value === null || Number.isNaN(value)) writer.safe(EXTENSION_VALUE.null);
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      writer.safe(EXTENSION_VALUE.integer).i64(BigInt(value));
    } else writer.safe(EXTENSION_VALUE.float).f64(value);
  } else if (typeof value === 'bigint') {
    if (value < INT64_MIN || value > INT64_MAX) {
      throw new RangeError(`${value} does not fit into a signed 64-bit integer`);
    }
    writer.safe(EXTENSION_VALUE.integer).i64(value);
  } else if (typeof value === 'string') {
    writer.safe(EXTENSION_VALUE.text);
    writeString(writer, value);
  } else {
    writer.safe(EXTENSION_VALUE.blob);
    writeBytes(writer, value);
  }
}

/** Reads *value*. Integers come as bigint and floats as number, so that 1 and 1.0 stay apart. Blobs are copies. */
function readValue(reader: ByteReader): Value {
  const type = reader.safe();
  switch (type) {
    case EXTENSION_VALUE.integer:
      return reader.i64();
    case EXTENSION_VALUE.float:
      return reader.f64();
    case EXTENSION_VALUE.text:
      return readString(reader);
    case EXTENSION_VALUE.blob:
      return readBytes(reader).slice();
    case EXTENSION_VALUE.null:
      return null;
    default:
      throw new DecodeError(`unknown type of value ${type}`);
  }
}

/** Appends *parameters*. */
export function writeParameters(writer: ByteWriter, parameters: ExtensionParameters): void {
  writer.u32(parameters.values.length);
  if (parameters.kind === 'positional') {
    writer.u32(0);
    for (const value of parameters.values) writeValue(writer, value);
    return;
  }
  writer.u32(NAMED);
  for (const [name, value] of parameters.values) {
    writeString(writer, name);
    writeValue(writer, value);
  }
}

/** Reads *parameters*. */
export function readParameters(reader: ByteReader): ExtensionParameters {
  const { count, named } = readShape(reader);
  if (!named) return { kind: 'positional', values: repeat(count, () => readValue(reader)) };
  return {
    kind: 'named',
    values: repeat(count, (): [string, Value] => [readString(reader), readValue(reader)]),
  };
}

/** Steps over *parameters*, refusing whatever `readParameters` would refuse. */
export function skipParameters(reader: ByteReader): void {
  const { count, named } = readShape(reader);
  for (let i = 0; i < count; i++) {
    if (named) skipBytes(reader);
    skipValue(reader);
  }
}

function skipValue(reader: ByteReader): void {
  const type = reader.safe();
  switch (type) {
    case EXTENSION_VALUE.integer:
    case EXTENSION_VALUE.float:
      reader.skip(8);
      return;
    case EXTENSION_VALUE.text:
    case EXTENSION_VALUE.blob:
      skipBytes(reader);
      return;
    case EXTENSION_VALUE.null:
      return;
    default:
      throw new DecodeError(`unknown type of value ${type}`);
  }
}

function skipBytes(reader: ByteReader): void {
  reader.skip(pad8(reader.safe()));
}

/** How many values *parameters* have, and whether they have names. */
export function readShape(reader: ByteReader): { readonly count: number; readonly named: boolean } {
  const count = checkCount(reader, reader.u32());
  const flags = reader.u32();
  if (flags !== 0 && flags !== NAMED) {
    throw new DecodeError(`unknown flags of parameters ${flags}`);
  }
  return { count, named: flags === NAMED };
}

/** A number of items that each take at least one word; refused before anything is allocated for them. */
export function readCount(reader: ByteReader): number {
  return checkCount(reader, reader.safe());
}

function checkCount(reader: ByteReader, count: number): number {
  if (count > reader.remaining / 8) throw new DecodeError(`${count} items do not fit the message`);
  return count;
}

/** An array of `count` items read one after another. */
export function repeat<T>(count: number, read: () => T): T[] {
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read());
  return items;
}

/** Starts a message: the 8-byte header with a place for the length. */
export function beginMessage(writer: ByteWriter, type: number): ByteWriter {
  return writer.u32(0).u8(type).u8(0).u16(0);
}

/** Completes a message that began at the writer's start. */
export function finishMessage(writer: ByteWriter): Uint8Array {
  writer.patchU32(0, writer.length / 8 - 1);
  return writer.finish();
}

/** Everything was read. */
export function expectEnd(reader: ByteReader): void {
  if (reader.remaining !== 0) throw new DecodeError(`${reader.remaining} bytes too many`);
}
