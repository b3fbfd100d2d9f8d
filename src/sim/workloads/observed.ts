import { QuorateError } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';

/** Calls whose outcomes are told. */
const CALLS: ReadonlySet<string | symbol> = new Set([
  'execute',
  'executeMultiple',
  'first',
  'query',
  'batch',
  'commit',
  'rollback',
]);
/** Characters of a question or an answer. */
const LONGEST = 100;

type Say = (text: string, succeeded: boolean) => void;
type Call = (...args: unknown[]) => unknown;

/**
 * The same database; `say` hears what each call asked and was told. Callers get the very promises of the database: nothing that happens
 * in a run comes in another order because somebody watches.
 */
export function observed(database: Database, say: Say): Database {
  return new Proxy(database, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const call: Call = (...args) => value.apply(target, args);
      if (CALLS.has(name)) return telling(call, String(name), say);
      if (name === 'session') {
        return (...args: unknown[]) =>
          inPlace(call(...args), (text, ok) => say(`session: ${text}`, ok));
      }
      return name === 'transaction' ? transaction(call, say) : call;
    },
  });
}

/** Both forms: with a function that uses the transaction, or with a promise of it. */
function transaction(call: Call, say: Say): Call {
  const inside: Say = (text, ok) => say(`in a transaction: ${text}`, ok);
  return (run, ...rest) => {
    if (typeof run === 'function') {
      return told(
        call((opened: unknown) => run(inPlace(opened, inside)), ...rest),
        'a transaction',
        say,
      );
    }
    const opening = call(run, ...rest);
    if (opening instanceof Promise) {
      opening.then(
        (opened: unknown) => inPlace(opened, inside),
        (error: unknown) => say(`to open a transaction: ${failed(error)}`, false),
      );
    }
    return opening;
  };
}

/** Transactions and sessions have hidden fields, so theirs are changed and no proxy is made. */
function inPlace(object: unknown, say: Say): unknown {
  if (typeof object !== 'object' || object === null) return object;
  // Some calls use others of the same object, before they first wait: those are not told.
  let inside = false;
  for (const name of CALLS) {
    const method: unknown = Reflect.get(object, name);
    if (typeof method !== 'function') continue;
    const call: Call = (...args) => method.apply(object, args);
    const tell = telling(call, String(name), say);
    Reflect.set(object, name, (...args: unknown[]) => {
      if (inside) return call(...args);
      inside = true;
      try {
        return tell(...args);
      } finally {
        inside = false;
      }
    });
  }
  return object;
}

function telling(call: Call, name: string, say: Say): Call {
  return (...args) => {
    const [statement, values] = args;
    const bound = Array.isArray(values) && values.length > 0 ? ` with ${short(values)}` : '';
    const asked = statement === undefined ? name : `${short(statement)}${bound}`;
    return told(call(...args), asked, say);
  };
}

function told(answer: unknown, asked: string, say: Say): unknown {
  if (answer instanceof Promise) {
    answer.then(
      (value: unknown) => say(`${asked}: ${succeeded(value)}`, true),
      (error: unknown) => say(`${asked}: ${failed(error)}`, false),
    );
  }
  return answer;
}

function succeeded(value: unknown): string {
  const rows = rowsOf(value);
  return rows === undefined || (Array.isArray(rows) && rows.length === 0) ? 'done' : short(rows);
}

/** Of results only their rows. */
function rowsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rowsOf);
  return isObject(value) && 'rows' in value ? value.rows : value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function failed(error: unknown): string {
  if (!(error instanceof QuorateError)) return short(String(error));
  const outcome = error.outcome === undefined ? '' : `, outcome ${error.outcome}`;
  return `${error.code}${outcome}`;
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, plain) ?? '');
  const line = text
    .replace(/\s+/g, ' ')
    .replace(/(.)\1{9,}/g, (run: string, one: string) => `${one}*${run.length}`);
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line;
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  return value instanceof Uint8Array ? `${value.length} bytes` : value;
}
