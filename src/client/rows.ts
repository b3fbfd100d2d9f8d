import type { Value } from '../base/index.ts';
import type { ResultSet, Row } from './types.ts';

/** Makes the rows of one statement. */
export type RowFactory = (values: Value[]) => Row;

/** Shapes of results that are remembered; programs have few. */
const SHAPES_MAX = 512;
const shapes = new Map<string, RowFactory>();

/** As `newRowFactory`, the same one for the same columns: what it makes is what takes the time, and so all rows of a shape stay alike. */
export function rowFactory(columns: readonly string[]): RowFactory {
  // SQLite's names have no NUL.
  const key = `${columns.length}\0${columns.join('\0')}`;
  let factory = shapes.get(key);
  if (factory === undefined) {
    factory = newRowFactory(columns);
    if (shapes.size >= SHAPES_MAX) shapes.clear();
    shapes.set(key, factory);
  }
  return factory;
}

/**
 * A factory whose rows share one prototype with getters for indices and `length`. Columns are own
 * enumerable properties by name, except where that would hide an index or `length`: those are reached by
 * index only. Of several columns with one name the first has it.
 */
function newRowFactory(columns: readonly string[]): RowFactory {
  const names: string[] = [];
  const positions: number[] = [];
  columns.forEach((name, position) => {
    if (name === 'length' || isIndex(name, columns.length) || names.includes(name)) return;
    names.push(name);
    positions.push(position);
  });
  const plain = names.length === columns.length && !names.includes('__proto__');
  return plain ? plainFactory(names) : generalFactory(columns.length, names, positions);
}

function isIndex(name: string, count: number): boolean {
  const index = Number(name);
  return String(index) === name && Number.isInteger(index) && index >= 0 && index < count;
}

function plainFactory(names: readonly string[]): RowFactory {
  const prototype: object = {};
  defineLength(prototype, names.length);
  names.forEach((name, index) => {
    Object.defineProperty(prototype, index, {
      get(this: Record<string, Value>) {
        return this[name];
      },
    });
  });
  return (values) => {
    const row: Row = Object.create(prototype);
    for (let i = 0; i < names.length; i++) row[names[i]] = values[i];
    return row;
  };
}

function generalFactory(
  length: number,
  names: readonly string[],
  positions: readonly number[],
): RowFactory {
  const all = new WeakMap<object, Value[]>();
  const prototype: object = {};
  defineLength(prototype, length);
  for (let index = 0; index < length; index++) {
    Object.defineProperty(prototype, index, {
      get(this: object) {
        return all.get(this)?.[index];
      },
    });
  }
  return (values) => {
    const row: Row = Object.create(prototype);
    names.forEach((name, i) => {
      const value = values[positions[i]];
      // Assignment would call the setter of a column named __proto__.
      Object.defineProperty(row, name, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    });
    all.set(row, values);
    return row;
  };
}

function defineLength(prototype: object, length: number): void {
  Object.defineProperty(prototype, 'length', { value: length });
}

/** The caller says what the columns are; nobody can check it (docs/escapes.md). */
export function rowsAs<R extends object>(rows: readonly Row[]): R[] {
  return rows as unknown as R[];
}

/** As `rowsAs`, for a whole result. */
export function resultAs<R extends object>(result: ResultSet): ResultSet<R> {
  return result as unknown as ResultSet<R>;
}
