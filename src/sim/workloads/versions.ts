import { randomBelow } from '../../base/index.ts';
import type { Database, Session } from '../../client/index.ts';
import {
  checkSessions,
  checkStaleness,
  type SessionOperation,
  type VersionOperation,
} from '../checkers/index.ts';
import { Violation } from '../violation.ts';
import {
  expectLocalError,
  expectQuorateError,
  fateOf,
  isBeforeTables,
  refuse,
} from './expected-errors.ts';
import { type Actor, CALL_MS, span, type Workload } from './workload.ts';

const AGES_MS = [50, 300, 2000, 10_000];
const READ = 'SELECT v FROM version WHERE id = 1';
const RAISE = ['UPDATE version SET v = v + 1 WHERE id = 1', READ];

/** A number that only grows: sessions never look back, and answers of any replica are at most as old as was asked for. */
export class Versions implements Workload {
  readonly name = 'versions';
  readonly tables = `
    CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY, v INTEGER);
    INSERT OR IGNORE INTO version VALUES (1, 0);`;
  readonly #drift: number;
  readonly #sessions: SessionOperation[] = [];
  readonly #versions: VersionOperation[] = [];
  readonly #current = new Map<number, { readonly number: number; session: Session }>();
  #lastSession = 0;
  acknowledged = 0;

  /** `drift`: so much slower than true time may clocks of servers run. */
  constructor(drift: number) {
    this.#drift = drift;
  }

  step(actor: Actor): Promise<void> {
    const kind = actor.random.float();
    if (kind < 0.35) return this.#raise(actor);
    if (kind < 0.65) return this.#readInSession(actor);
    return this.#readLocally(actor);
  }

  /** The session of a client for a while; sometimes it goes on from its token, as after a new request. */
  #sessionOf(actor: Actor): { readonly number: number; session: Session } {
    const current = this.#current.get(actor.number);
    if (current !== undefined && actor.random.float() < 0.9) {
      if (actor.random.float() < 0.3) {
        current.session = actor.database.session(current.session.token);
      }
      return current;
    }
    const session = { number: ++this.#lastSession, session: actor.database.session() };
    this.#current.set(actor.number, session);
    return session;
  }

  async #raise(actor: Actor): Promise<void> {
    const { number, session } = this.#sessionOf(actor);
    const invokedAt = actor.now();
    try {
      const [, { rows }] = await session.batch(RAISE, 'write', { timeoutMs: CALL_MS });
      const version = Number(rows[0].v);
      const operation = { ...span(actor, invokedAt, 'ok'), version };
      this.#sessions.push({ ...operation, session: number, kind: 'write' });
      this.#versions.push({ ...operation, kind: 'raise' });
      this.acknowledged++;
    } catch (error) {
      fateOf(error);
    }
  }

  async #readInSession(actor: Actor): Promise<void> {
    const { number, session } = this.#sessionOf(actor);
    const invokedAt = actor.now();
    const saw = (version: number): void => {
      const operation = { ...span(actor, invokedAt, 'ok'), version };
      this.#sessions.push({ ...operation, session: number, kind: 'read' });
    };
    try {
      const options = { timeoutMs: CALL_MS, consistency: 'session', readFrom: 'any' } as const;
      const row = await session.first(READ, [], options);
      saw(Number(row?.v ?? -1));
    } catch (error) {
      // A session that has seen nothing may read from a replica that has not heard of the table.
      if (isBeforeTables(error)) saw(-1);
      else expectQuorateError(error);
    }
  }

  async #readLocally(actor: Actor): Promise<void> {
    const invokedAt = actor.now();
    const maxAgeMs = AGES_MS[randomBelow(actor.random, AGES_MS.length)];
    try {
      const row = await actor.database.first(READ, [], {
        timeoutMs: CALL_MS,
        consistency: 'local',
        readFrom: 'any',
        maxStaleness: { ms: maxAgeMs },
      });
      const version = Number(row?.v ?? -1);
      this.#versions.push({ ...span(actor, invokedAt, 'ok'), kind: 'read', version, maxAgeMs });
    } catch (error) {
      expectLocalError(error);
    }
  }

  async check(database: Database): Promise<void> {
    refuse(this.name, checkSessions(this.#sessions));
    refuse(this.name, checkStaleness(this.#versions, this.#drift));
    const row = await database.first(READ);
    if (Number(row?.v) >= this.acknowledged) return;
    throw new Violation('TX', `raised ${this.acknowledged} times, and is ${row?.v}`);
  }
}
