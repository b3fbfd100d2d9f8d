import { QuorateError, type Value } from '../base/index.ts';
import type { ExtensionParameters } from '../wire/index.ts';
import { invalidArgument } from './errors.ts';
import type { StatementText } from './link.ts';
import type { Args, BatchStatement, InValue } from './types.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * A parameter as the database stores it. Throws INTEGER_RANGE for a bigint beyond 64 bits and
 * INVALID_ARGUMENT for what SQL has no value for: undefined, NaN, an invalid Date, functions, objects.
 */
export function toValue(value: InValue): Value {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      if (Number.isNaN(value)) throw invalidArgument('NaN is no SQL value; use null');
      return value;
    case 'bigint':
      if (value < INT64_MIN || value > INT64_MAX) {
        throw new QuorateError('INTEGER_RANGE', `${value} does not fit into 64 bits`);
      }
      return value;
    case 'boolean':
      return value ? 1 : 0;
    case 'object':
      if (value === null || value instanceof Uint8Array) return value;
      if (value instanceof ArrayBuffer) return new Uint8Array(value);
      if (value instanceof Date) {
        if (Number.isNaN(value.getTime())) throw invalidArgument('an invalid Date as parameter');
        return value.toISOString();
      }
      break;
  }
  throw invalidArgument(`a parameter of type ${describeType(value)}`);
}

function describeType(value: unknown): string {
  return typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value;
}

/** Parameters in the form of the wire. Errors as `toValue`. */
export function toParameters(args: Args | undefined): ExtensionParameters {
  if (args === undefined) return { kind: 'positional', values: [] };
  if (isPositional(args)) return { kind: 'positional', values: args.map(toValue) };
  const values = Object.entries(args).map(([name, value]): [string, Value] => [
    name,
    toValue(value),
  ]);
  return { kind: 'named', values };
}

function isPositional(args: Args): args is readonly InValue[] {
  return Array.isArray(args);
}

/** Any form of statement in the form of the wire. Errors as `toValue`. */
export function toStatement(statement: BatchStatement, args?: Args): StatementText {
  if (typeof statement === 'string') return { sql: statement, parameters: toParameters(args) };
  if (isPair(statement))
    return { sql: checkSql(statement[0]), parameters: toParameters(statement[1]) };
  if (typeof statement !== 'object' || statement === null) {
    throw invalidArgument(`a statement of type ${describeType(statement)}`);
  }
  return { sql: checkSql(statement.sql), parameters: toParameters(statement.args ?? args) };
}

function isPair(
  statement: BatchStatement,
): statement is readonly [sql: string, args?: Args | undefined] {
  return Array.isArray(statement);
}

function checkSql(sql: string): string {
  if (typeof sql !== 'string') throw invalidArgument(`SQL of type ${describeType(sql)}`);
  return sql;
}
