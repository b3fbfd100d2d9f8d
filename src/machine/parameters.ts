import { QuorateError, type Value } from '../base/index.ts';
import type { Statement } from '../engine/index.ts';
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
      throw parameterError(
        `${parameters.values.length} parameters for a statement that has ${statement.parameterCount}`,
        RAW_CODE.range,
      );
    }
    return;
  }
  const names = statement.parameterNames;
  for (const [name, value] of parameters.values) {
    const index = names.findIndex((known) => known === name || known.slice(1) === name);
    if (index >= 0 && names[index] !== '') bindValue(statement, index + 1, value);
    else if (surplus === 'refuse') {
      throw parameterError(`the statement has no parameter ${name}`, RAW_CODE.range);
    }
  }
}

function parameterError(message: string, rawCode: number): QuorateError {
  return new QuorateError('PARAMETERS', message, { rawCode });
}
