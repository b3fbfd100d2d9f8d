import type { Random } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import type { Fate } from '../checkers/index.ts';
import type { ParticipantHost } from './schema-copy.ts';

/** Who runs operations: one client of the cluster, which does one thing after another. */
export interface Actor {
  readonly number: number;
  readonly database: Database;
  readonly random: Random;
  /** In milliseconds, of one clock that all actors share. */
  now(): number;
  pause(): Promise<void>;
  /** A session in plain dqlite with some node; undefined when that node cannot be reached. Absent: there are no foreign clients. */
  readonly plainSession?: (() => Promise<PlainSession | undefined>) | undefined;
  /** On which copies of an application are started. Absent: there are none. */
  readonly participants?: ParticipantHost | undefined;
}

/** What a foreign client was told: 'failed' only when the node says that it did nothing. */
export type PlainFate = Fate;

/** One connection in plain dqlite. After anything but success it is of no use any more. */
export interface PlainSession {
  execute(sql: string, limitMs: number): Promise<PlainFate>;
  /** The bytes of the answer as text; undefined when there is none in time. */
  query(sql: string, limitMs: number): Promise<string | undefined>;
  close(): void;
}

/** One use of a database and the judgement over it. Needs nothing but the public client, a clock and randomness. */
export interface Workload {
  readonly name: string;
  /** SQL that may run twice: the tables, and what is in them at first. */
  readonly tables: string;
  /** Writes that clients were told are committed, by now. */
  readonly acknowledged: number;
  /** Histories, by the end, that the checker gave up on: neither right nor wrong. Absent: its checker always decides. */
  readonly undecided?: number;
  /** One operation. Throws Violation for an answer that is wrong by itself, and what faults do not explain. */
  step(actor: Actor): Promise<void>;
  /** When all operations have ended: takes back what would keep others from reading and writing. */
  heal?(database: Database): Promise<void>;
  /** When all operations have ended and the cluster is well: reads what is left and judges the whole history. */
  check(database: Database, now: () => number): Promise<void>;
}

/** The beginning and the end of an operation, for histories. */
export function span(actor: Actor, invokedAt: number, fate: Fate) {
  return { client: actor.number, invokedAt, completedAt: actor.now(), fate };
}

/** Milliseconds for one call with all its retries. */
export const CALL_MS = 4_000;
