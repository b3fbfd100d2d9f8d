import { type ByteReader, type ByteWriter, DecodeError, pad8, type Value } from '../base/index.ts';

/** Type codes of values in tuples and rows (client-protocol.md §6.1). */
export const WIRE_VALUE = {
  integer: 1,
  float: 2,
  text: 3,
  blob: 4,
  null: 5,
  unixTime: 9,
  iso8601: 10,
  boolean: 11,
} as const;

/** Greatest number of parameters with an 8-bit count (schema 0). */
const PARAMETERS_SHORT_MAX = 255;
/** SQLite's default for the number of parameters of a statement. */
const PARAMETERS_MAX = 32_766;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Parameters whose framing is right but not their content: the request is answered with a Failure. */
export const MALFORMED_PARAMETERS = 'malformed';
export type DecodedParameters = readonly Value[] | typeof MALFORMED_PARAMETERS;

/** The schema that a request with so many parameters needs: 0 (8-bit count) or 1 (32-bit count). */
export function parameterSchema(count: number): 0 | 1 {
  return count <= PARAMETERS_SHORT_MAX ? 0 : 1;
}

function wireType(value: Value): number {
  if (value === null) return WIRE_VALUE.null;
  switch (typeof value) {
    case 'bigint':
      return WIRE_VALUE.integer;
    case 'number':
      if (Number.isNaN(value)) return WIRE_VALUE.null;
      return isInteger(value) ? WIRE_VALUE.integer : WIRE_VALUE.float;
    case 'string':
      return WIRE_VALUE.text;
    default:
      return WIRE_VALUE.blob;
  }
}

/** -0 is a float: as an integer it would lose its sign. */
function isInteger(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

/**
 * Appends a tuple. Safe integers travel as integers, other numbers as floats, NaN as NULL (as SQLite has it).
 * Nothing is written for no parameters. Throws RangeError for a bigint outside 64 bits, a text with NUL, and more
 * parameters than the schema can count.
 */
export function writeTuple(writer: ByteWriter, values: readonly Value[], schema: number): void {
  const count = values.length;
  if (count === 0) return;
  const start = writer.length;
  if (schema === 0) {
    if (count > PARAMETERS_SHORT_MAX) throw new RangeError(`${count} parameters in schema 0`);
    writer.u8(count);
  } else writer.u32(count);
  for (const value of values) writer.u8(wireType(value));
  writer.zeros(pad8(writer.length - start) - (writer.length - start));
  for (const value of values) writeTupleValue(writer, value);
}

function writeTupleValue(writer: ByteWriter, value: Value): void {
  if (value === null) writer.safe(0);
  else if (typeof value === 'bigint') {
    if (value < INT64_MIN || value > INT64_MAX) {
      throw new RangeError(`${value} does not fit into a signed 64-bit integer`);
    }
    writer.i64(value);
  } else if (typeof value === 'number') {
    if (Number.isNaN(value)) writer.safe(0);
    else if (isInteger(value)) writer.i64(BigInt(value));
    else writer.f64(value);
  } else if (typeof value === 'string') {
    if (value.includes('\0')) throw new RangeError('a text parameter contains NUL');
    writer.text(value);
  } else writeWireBlob(writer, value);
}

/** Appends a blob: length, bytes, zero padding. */
export function writeWireBlob(writer: ByteWriter, bytes: Uint8Array): void {
  writer.safe(bytes.length).raw(bytes);
  writer.zeros(pad8(bytes.length) - bytes.length);
}

/** Reads a blob as a copy; missing padding at the end of a message is tolerated. */
export function readWireBlob(reader: ByteReader): Uint8Array<ArrayBuffer> {
  const length = reader.safe();
  const bytes = reader.take(length).slice();
  reader.skip(Math.min(pad8(length) - length, reader.remaining));
  return bytes;
}

/**
 * Reads the parameters at the end of a request: none when nothing is left. Integers come as bigint and floats as
 * number, so that 1 and 1.0 stay apart. Throws DecodeError when a field runs past the end; gives
 * MALFORMED_PARAMETERS for an unknown type or an impossible length.
 */
export function readTuple(reader: ByteReader, schema: number): DecodedParameters {
  if (reader.remaining === 0) return [];
  const start = reader.offset;
  const count = schema === 0 ? reader.u8() : reader.u32();
  if (count > reader.remaining) {
    throw new DecodeError(`${count} parameters do not fit the message`);
  }
  if (count > PARAMETERS_MAX) return MALFORMED_PARAMETERS;
  const types = reader.take(count);
  const headerBytes = reader.offset - start;
  reader.skip(Math.min(pad8(headerBytes) - headerBytes, reader.remaining));
  const values: Value[] = [];
  for (let i = 0; i < count; i++) {
    const value = readTupleValue(reader, types[i]);
    if (value === undefined) return MALFORMED_PARAMETERS;
    values.push(value);
  }
  return values;
}

function readTupleValue(reader: ByteReader, type: number): Value | undefined {
  switch (type) {
    case WIRE_VALUE.integer:
      return reader.i64();
    case WIRE_VALUE.float:
      return reader.f64();
    case WIRE_VALUE.text:
    case WIRE_VALUE.iso8601:
      return reader.text();
    case WIRE_VALUE.blob: {
      const length = reader.u64();
      if (length > BigInt(reader.remaining)) return undefined;
      reader.offset -= 8;
      return readWireBlob(reader);
    }
    case WIRE_VALUE.null:
      reader.skip(8);
      return null;
    case WIRE_VALUE.boolean:
      return reader.u64() === 0n ? 0n : 1n;
    default:
      return undefined;
  }
}
