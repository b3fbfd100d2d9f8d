import { type ByteReader, type ByteWriter, DecodeError } from '../base/index.ts';
import {
  type ExtensionStatement,
  expectEnd,
  readCount,
  readName,
  repeat,
  skipParameters,
  writeParameters,
  writeString,
} from './extension-value.ts';

/** Statements with the same text that follow each other. */
export interface TextRun {
  readonly sql: string;
  /** At least 1. */
  readonly count: number;
}

/** The statements of a batch as they travel: programs repeat a text, and few threads on the way need what is between. */
export interface StatementBatch {
  readonly runs: readonly TextRun[];
  /** *parameters* of each statement, one after another, well-formed. */
  readonly parameters: Uint8Array;
}

/** Appends *statements*: the runs, then the parameters. */
export function writeStatements(
  writer: ByteWriter,
  statements: readonly ExtensionStatement[],
): void {
  const at = writer.length;
  writer.safe(0);
  let runs = 0;
  for (let first = 0, next = 0; first < statements.length; first = next) {
    const { sql } = statements[first];
    while (next < statements.length && statements[next].sql === sql) next++;
    writeString(writer, sql);
    writer.safe(next - first);
    runs++;
  }
  writer.patchU32(at, runs);
  for (const { parameters } of statements) writeParameters(writer, parameters);
}

/** Reads *statements* to the end of the message, with parameters in memory of their own. */
export function readStatements(reader: ByteReader): StatementBatch {
  const runs = repeat(readCount(reader), (): TextRun => {
    const sql = readName(reader);
    const count = readCount(reader);
    if (count === 0) throw new DecodeError('a text without statements');
    return { sql, count };
  });
  const start = reader.offset;
  for (const { count } of runs) for (let i = 0; i < count; i++) skipParameters(reader);
  expectEnd(reader);
  return { runs, parameters: reader.bytes.slice(start) };
}
