import { QuorateError } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';

/** What a database must not do, done on purpose, to show that somebody notices. */
export const LIES = [
  'lost write',
  'wrong outcome',
  'repeated write',
  'torn transaction',
  'stale read',
  'stale session',
  'stale transaction',
] as const;

export type Lie = (typeof LIES)[number];

/** One call in so many is a lie. */
const EVERY = 3;

type Call = (...args: unknown[]) => Promise<unknown>;
type Around = (name: string, call: Call, args: unknown[]) => Promise<unknown>;

/** A database that tells the truth most of the time. */
export function lying(database: Database, lie: Lie): Database {
  let calls = 0;
  const now = (): boolean => ++calls % EVERY === 0;
  const old = new Map<string, unknown>();
  /** What the same question was answered when it was asked first. */
  const stale: Around = async (name, call, args) => {
    const question = JSON.stringify([name, args[0], args[1]]);
    if (old.has(question) && now()) return old.get(question);
    const answer = await call(...args);
    if (!old.has(question)) old.set(question, answer);
    return answer;
  };
  const isWrite = (args: unknown[]): boolean => {
    return /^(INSERT|UPDATE)/.test(String(args[0])) || args[1] === 'write';
  };
  switch (lie) {
    case 'lost write':
      return wrap(database, ['execute', 'batch'], async (name, call, args) => {
        if (!isWrite(args) || !now()) return call(...args);
        return name === 'batch' ? [] : { rows: [] };
      });
    case 'wrong outcome':
      return wrap(database, ['execute', 'batch'], async (_, call, args) => {
        const answer = await call(...args);
        if (!isWrite(args) || !now()) return answer;
        throw new QuorateError('TIMEOUT', 'a lie', { outcome: 'rolled-back' });
      });
    case 'repeated write':
      return wrap(database, ['execute', 'batch'], async (_, call, args) => {
        if (isWrite(args) && now()) await call(...args);
        return call(...args);
      });
    case 'torn transaction':
      return wrap(database, ['batch'], async (_, call, args) => {
        const [statements, ...rest] = args;
        if (!isWrite(args) || !Array.isArray(statements) || !now()) return call(...args);
        await call(statements.slice(0, 1), ...rest);
        return call(statements.slice(2), ...rest);
      });
    case 'stale read':
      return wrap(database, ['first', 'query'], stale);
    case 'stale session': {
      const session = (...args: [string?]) => wrap(database.session(...args), ['first'], stale);
      return replace(database, 'session', session);
    }
    case 'stale transaction':
      return wrap(database, ['transaction'], async (_, call, args) => {
        return wrap(Object(await call(...args)), ['first'], stale);
      });
  }
}

/** The same object with another method. */
function replace<T extends object>(object: T, name: string, method: unknown): T {
  return new Proxy(object, {
    get: (target, property) => {
      if (property === name) return method;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The same object with something around some of its methods. */
function wrap<T extends object>(object: T, names: readonly string[], around: Around): T {
  return names.reduce((wrapped, name) => {
    const method: unknown = Reflect.get(object, name, object);
    if (typeof method !== 'function') return wrapped;
    const call: Call = (...args) => method.apply(object, args);
    return replace(wrapped, name, (...args: unknown[]) => around(name, call, args));
  }, object);
}
