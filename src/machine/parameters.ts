import { type ByteReader, pad8, QuorateError, type Value } from '../base/index.ts';
import type { Statement } from '../engine/index.ts';
import { EXTENSION_VALUE, readShape, readString } from '../wire/index.ts';
import { RAW_CODE } from './failure.ts';
import type { Parameters, RowFormat } from './messages.ts';

export type Surplus = 'refuse' | 'ignore';

/** Binds positional values from `from`; missing ones stay NULL. Returns how many the statement took. */
export function bindPositional(
  statement: Statement,
  values: readonly Value[],
  from: number,
): number {
  const count = Math.min(statement.parameterCount, Math.max(0, values.length - from));
  for (let i = 0; i < count; i++) bindValue(statement, i + 1, values[from + i]);
  return count;
}

/** Integers travel as bigint, floats as number: 1.0 stays a float although it is a whole number. */
function bindValue(statement: Statement, index: number, value: Value): void {
  if (typeof value === 'number') statement.bindDouble(index, value);
  else statement.bind(index, value);
}

/** Binds the parameters of one statement (client-protocol.md §6.2). Throws QuorateError PARAMETERS for what does not fit. */
export function bindParameters(
  statement: Statement,
  parameters: Parameters,
  surplus: Surplus,
  format: RowFormat,
): void {
  if (parameters.kind === 'positional') {
    const taken = bindPositional(statement, parameters.values, 0);
    if (surplus === 'refuse' && taken < parameters.values.length) {
      // What C-1.18 answers says nothing; our own clients are told what is wrong.
      if (format === 'dqlite') throw parameterError('leader exec failed', RAW_CODE.ioError);
      throw tooMany(parameters.values.length, statement);
    }
    return;
  }
  for (const [name, value] of parameters.values) {
    const index = parameterIndex(statement, name);
    if (index > 0) bindValue(statement, index, value);
    else if (surplus === 'refuse') throw unknownName(name);
  }
}

/**
 * The same for *parameters* of the extension as they travel, from the reader's place to their end; what does not fit is refused.
 * A batch has thousands: no value is made of them on the way. Whatever was bound before is forgotten.
 */
export function bindEncoded(statement: Statement, reader: ByteReader): void {
  const { count, named } = readShape(reader);
  if (!named) {
    const taken = Math.min(count, statement.parameterCount);
    for (let index = 1; index <= taken; index++) bindNext(statement, index, reader);
    if (taken < count) throw tooMany(count, statement);
    for (let index = count + 1; index <= statement.parameterCount; index++) {
      statement.bind(index, null);
    }
    return;
  }
  statement.clearBindings();
  for (let i = 0; i < count; i++) {
    const name = readString(reader);
    const index = parameterIndex(statement, name);
    if (index === 0) throw unknownName(name);
    bindNext(statement, index, reader);
  }
}

function bindNext(statement: Statement, index: number, reader: ByteReader): void {
  const type = reader.safe();
  switch (type) {
    case EXTENSION_VALUE.integer:
      statement.bind(index, reader.integer());
      return;
    case EXTENSION_VALUE.float:
      statement.bindDouble(index, reader.f64());
      return;
    case EXTENSION_VALUE.null:
      statement.bind(index, null);
      return;
    default: {
      const length = reader.safe();
      const start = reader.offset;
      reader.skip(pad8(length));
      if (type === EXTENSION_VALUE.text) {
        statement.bindUtf8(index, reader.bytes, start, start + length);
      } else statement.bind(index, reader.bytes.subarray(start, start + length));
    }
  }
}

/** Of a parameter's name with or without its prefix, from 1; 0 = there is none. */
function parameterIndex(statement: Statement, name: string): number {
  const names = statement.parameterNames;
  const index = names.findIndex((known) => known === name || known.slice(1) === name);
  return index >= 0 && names[index] !== '' ? index + 1 : 0;
}

function unknownName(name: string): QuorateError {
  return parameterError(`the statement has no parameter ${name}`, RAW_CODE.range);
}

function tooMany(count: number, { parameterCount }: Statement): QuorateError {
  const message = `${count} parameters for a statement that has ${parameterCount}`;
  return parameterError(message, RAW_CODE.range);
}

function parameterError(message: string, rawCode: number): QuorateError {
  return new QuorateError('PARAMETERS', message, { rawCode });
}
