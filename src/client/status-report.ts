import {
  logIndex,
  type Member,
  type NodeId,
  QuorateError,
  type Role,
  term,
} from '../base/index.ts';
import type { FollowerReport, NodeStatusReport } from './types.ts';

const STATES = ['leader', 'candidate', 'follower'] as const;
const ROLES: readonly Role[] = ['voter', 'stand-by', 'spare'];

/** Reads the status that a node sent as JSON; properties of later versions are left out. Throws QuorateError PROTOCOL. */
export function parseStatusReport(json: string): NodeStatusReport {
  const report = parse(json);
  const leader = report.optional('leader');
  return {
    id: report.id('id'),
    address: report.text('address'),
    role: report.oneOf('role', STATES),
    memberRole: report.has('memberRole') ? report.oneOf('memberRole', ROLES) : undefined,
    term: term(report.count('term')),
    leader:
      leader === undefined ? undefined : { id: leader.id('id'), address: leader.text('address') },
    members: report.list('members').map(member),
    lastIndex: report.index('lastIndex'),
    stored: report.index('stored'),
    commit: report.index('commit'),
    applied: report.index('applied'),
    snapshotIndex: report.index('snapshotIndex'),
    databases: report.texts('databases'),
    quarantined: report.flag('quarantined'),
    counters: report.counters('counters'),
    logBytes: report.count('logBytes'),
    followers: report.list('followers').map(follower),
  };
}

/** The members alone: nodes of other versions may lack the rest. Throws QuorateError PROTOCOL. */
export function parseMembers(json: string): readonly Member[] {
  return parse(json).list('members').map(member);
}

function parse(json: string): Fields {
  try {
    return new Fields(JSON.parse(json), 'status');
  } catch (cause) {
    if (cause instanceof QuorateError) throw cause;
    throw new QuorateError('PROTOCOL', 'the status of the node is no JSON', { cause });
  }
}

function member(fields: Fields): Member {
  return {
    id: fields.id('id'),
    address: fields.text('address'),
    role: fields.oneOf('role', ROLES),
  };
}

function follower(fields: Fields): FollowerReport {
  return {
    id: fields.id('id'),
    match: fields.index('match'),
    state: fields.text('state'),
    lag: fields.count('lag'),
  };
}

/** Properties of an object of unknown origin, checked as they are read. */
class Fields {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #name: string;

  constructor(value: unknown, name: string) {
    this.#name = name;
    if (typeof value !== 'object' || value === null) throw this.#wrong('', 'an object');
    this.#values = new Map(Object.entries(value));
  }

  #wrong(name: string, expected: string): QuorateError {
    const path = name === '' ? this.#name : `${this.#name}.${name}`;
    return new QuorateError('PROTOCOL', `${path} as the node sent it is not ${expected}`);
  }

  has(name: string): boolean {
    return this.#values.get(name) !== undefined;
  }

  optional(name: string): Fields | undefined {
    return this.has(name) ? new Fields(this.#values.get(name), name) : undefined;
  }

  text(name: string): string {
    const value = this.#values.get(name);
    if (typeof value !== 'string') throw this.#wrong(name, 'a text');
    return value;
  }

  flag(name: string): boolean {
    const value = this.#values.get(name);
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false');
    return value;
  }

  count(name: string): number {
    const value = this.#values.get(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw this.#wrong(name, 'a whole number');
    }
    return value;
  }

  index(name: string): ReturnType<typeof logIndex> {
    return logIndex(this.count(name));
  }

  /** Ids above 2^53 travel as text. */
  id(name: string): NodeId {
    const value = this.#values.get(name);
    if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return BigInt(value);
    return BigInt(this.count(name));
  }

  oneOf<T extends string>(name: string, known: readonly T[]): T {
    const value = this.#values.get(name);
    const found = known.find((one) => one === value);
    if (found === undefined) throw this.#wrong(name, known.join(' or '));
    return found;
  }

  #items(name: string): readonly unknown[] {
    const value = this.#values.get(name);
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list');
    return value;
  }

  list(name: string): readonly Fields[] {
    return this.#items(name).map((item) => new Fields(item, name));
  }

  texts(name: string): readonly string[] {
    return this.#items(name).map((item) => {
      if (typeof item !== 'string') throw this.#wrong(name, 'a list of texts');
      return item;
    });
  }

  counters(name: string): Readonly<Record<string, number>> {
    const fields = new Fields(this.#values.get(name), name);
    return Object.fromEntries([...fields.#values.keys()].map((key) => [key, fields.count(key)]));
  }
}
