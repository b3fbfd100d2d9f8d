import { QuorateError, type Random, randomBelow } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import { Violation } from './invariants.ts';
import type { Scheduler } from './scheduler.ts';

const ACCOUNTS = 8;
const CALL_MS = 4_000;
const PROBED = 20;

/** What clients were told about their writes. */
export class History {
  readonly acknowledged = new Set<number>();
  readonly rolledBack = new Set<number>();
  readonly unknown = new Set<number>();
  /** Increments of the counter that were acknowledged, and those whose fate nobody knows. */
  increments = 0;
  doubtfulIncrements = 0;
  reads = 0;
  failures = 0;
  readonly #recent: number[] = [];

  acknowledge(id: number): void {
    this.acknowledged.add(id);
    this.#recent.push(id);
    if (this.#recent.length > PROBED) this.#recent.shift();
  }

  fail(id: number, error: unknown): void {
    this.failures++;
    const { outcome } = expectQuorateError(error);
    if (outcome === 'rolled-back') this.rolledBack.add(id);
    else this.unknown.add(id);
  }

  recent(): number[] {
    return [...this.#recent];
  }

  /** ACK and DEF: exactly those rows are stored in the end that clients were not told otherwise about. */
  checkLedger(stored: ReadonlySet<number>): void {
    for (const id of this.acknowledged) {
      if (!stored.has(id)) throw new Violation('ACK', `${id} was acknowledged and is gone`);
    }
    for (const id of this.rolledBack) {
      if (stored.has(id))
        throw new Violation('DEF', `${id} was reported rolled back and is stored`);
    }
    for (const id of stored) {
      if (!this.acknowledged.has(id) && !this.unknown.has(id)) {
        throw new Violation('DEF', `${id} is stored and nobody was told so`);
      }
    }
  }

  /** TX: no increment was lost, none counted twice. */
  checkCounter(n: number): void {
    const { increments, doubtfulIncrements } = this;
    if (n < increments || n > increments + doubtfulIncrements) {
      throw new Violation(
        'TX',
        `${increments} to ${increments + doubtfulIncrements} increments, n is ${n}`,
      );
    }
  }
}

/** What faults may cause. Any other error is a defect of the client or of a node, or shows lost or repeated writes. */
const EXPECTED: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'DISK_FULL',
  'LEADERSHIP_LOST',
  'LEADERSHIP_TRANSFER',
  'NODE_STOPPED',
  'NOT_LEADER',
  'OUTCOME_UNKNOWN',
  'OVERLOADED',
  'SQLITE_BUSY',
  'TIMEOUT',
  'TX_ABORTED',
  'WRITE_QUEUE_TIMEOUT',
]);

/** Throws what is not expected under faults. */
export function expectQuorateError(error: unknown): QuorateError {
  if (error instanceof QuorateError) {
    if (EXPECTED.has(error.code)) return error;
    // A server that was slow to say Hello is spoken to in plain dqlite, which has no other code for it.
    if (error.code === 'SQLITE_IOERR' && error.outcome === 'unknown') return error;
  }
  throw error;
}

/** The schema of all workloads. */
export async function createSchema(database: Database): Promise<void> {
  await database.executeMultiple(`
    CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, client INTEGER, v TEXT);
    CREATE INDEX IF NOT EXISTS t_by_client ON t (client);
    CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, amount INTEGER);
    CREATE TABLE IF NOT EXISTS blobs (id INTEGER PRIMARY KEY, v BLOB);
    CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, n INTEGER);
    INSERT OR IGNORE INTO counter VALUES (1, 0);`);
  const accounts = Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, 100)`).join();
  await database.execute(`INSERT OR IGNORE INTO account VALUES ${accounts}`);
}

/** One client: random operations one after another, each result compared with what must hold. */
export class Client {
  readonly #database: Database;
  readonly #history: History;
  readonly #random: Random;
  readonly #scheduler: Scheduler;
  readonly #number: number;
  readonly #thinkMs: number;
  readonly #nextId: () => number;
  #stopped = false;
  #hasTable = false;

  constructor(parts: {
    database: Database;
    history: History;
    random: Random;
    scheduler: Scheduler;
    number: number;
    thinkMs: number;
    nextId: () => number;
  }) {
    this.#database = parts.database;
    this.#history = parts.history;
    this.#random = parts.random;
    this.#scheduler = parts.scheduler;
    this.#number = parts.number;
    this.#thinkMs = parts.thinkMs;
    this.#nextId = parts.nextId;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#operation();
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    const pause = this.#random.float() * 2 * this.#thinkMs;
    return new Promise((resolve) => this.#scheduler.after(pause, resolve));
  }

  stop(): void {
    this.#stopped = true;
  }

  #operation(): Promise<void> {
    const kind = this.#random.float();
    if (kind < 0.45) return this.#insert();
    if (kind < 0.6) return this.#readRecent();
    if (kind < 0.7) return this.#increment();
    if (kind < 0.8) return this.#transfer();
    if (kind < 0.88) return this.#readAccounts();
    if (kind < 0.93) return this.#readOwn();
    if (kind < 0.95) return this.#changeSchema();
    if (kind < 0.98) return this.#readSchema();
    return this.#resize();
  }

  async #insert(): Promise<void> {
    const id = this.#nextId();
    try {
      await this.#database.execute(
        'INSERT INTO t VALUES (?, ?, ?)',
        [id, this.#number, 'x'.repeat(randomBelow(this.#random, 200))],
        { timeoutMs: CALL_MS },
      );
      this.#history.acknowledge(id);
    } catch (error) {
      this.#history.fail(id, error);
    }
  }

  /** LIN: everything acknowledged before the read began is in it, whichever node answers. */
  async #readRecent(): Promise<void> {
    const before = this.#history.recent();
    if (before.length === 0) return;
    const readFrom = this.#random.float() < 0.5 ? 'leader' : 'any';
    try {
      const row = await this.#database.first<{ n: number }>(
        `SELECT count(*) AS n FROM t WHERE id IN (${before.join()})`,
        [],
        { timeoutMs: CALL_MS, consistency: 'linearizable', readFrom },
      );
      this.#history.reads++;
      if (row?.n !== before.length) {
        throw new Violation('LIN', `${row?.n} of ${before.length} acknowledged rows are visible`);
      }
    } catch (error) {
      expectQuorateError(error);
    }
  }

  /** BEGIN; SELECT; UPDATE; COMMIT: no increment may be lost. */
  async #increment(): Promise<void> {
    let committing = false;
    try {
      const tx = await this.#database.transaction('deferred', { timeoutMs: CALL_MS });
      try {
        const row = await tx.first<{ n: number }>('SELECT n FROM counter WHERE id = 1');
        if (this.#random.float() < 0.3) await this.#pause();
        await tx.execute('UPDATE counter SET n = ? WHERE id = 1', [(row?.n ?? 0) + 1]);
        committing = true;
        await tx.commit();
        this.#history.increments++;
      } finally {
        tx.close();
      }
    } catch (error) {
      const { outcome } = expectQuorateError(error);
      if (committing && outcome !== 'rolled-back') this.#history.doubtfulIncrements++;
    }
  }

  async #transfer(): Promise<void> {
    const from = randomBelow(this.#random, ACCOUNTS);
    const to = (from + 1 + randomBelow(this.#random, ACCOUNTS - 1)) % ACCOUNTS;
    const amount = 1 + randomBelow(this.#random, 10);
    try {
      await this.#database.batch(
        [
          ['UPDATE account SET amount = amount - ? WHERE id = ?', [amount, from]],
          ['UPDATE account SET amount = amount + ? WHERE id = ?', [amount, to]],
        ],
        'write',
        { timeoutMs: CALL_MS },
      );
    } catch (error) {
      expectQuorateError(error);
    }
  }

  /** Atomicity: money is neither made nor lost. */
  async #readAccounts(): Promise<void> {
    try {
      const row = await this.#database.first<{ total: number }>(
        'SELECT sum(amount) AS total FROM account',
        [],
        { timeoutMs: CALL_MS, readFrom: 'any' },
      );
      if (row?.total !== ACCOUNTS * 100) throw new Violation('TX', `the sum is ${row?.total}`);
    } catch (error) {
      expectQuorateError(error);
    }
  }

  /** RYW: a session sees its own write on whatever node. */
  async #readOwn(): Promise<void> {
    const id = this.#nextId();
    const session = this.#database.session();
    try {
      await session.execute('INSERT INTO t VALUES (?, ?, NULL)', [id, this.#number], {
        timeoutMs: CALL_MS,
      });
      this.#history.acknowledge(id);
    } catch (error) {
      this.#history.fail(id, error);
      return;
    }
    try {
      const row = await session.first<{ n: number }>(
        'SELECT count(*) AS n FROM t WHERE id = ?',
        [id],
        {
          timeoutMs: CALL_MS,
          consistency: 'session',
          readFrom: 'any',
        },
      );
      this.#history.reads++;
      if (row?.n !== 1) throw new Violation('RYW', `a session does not see its own row ${id}`);
    } catch (error) {
      expectQuorateError(error);
    }
  }

  /** A table of this client's own, made anew: what other leaders cached of the schema must not matter (M3). */
  async #changeSchema(): Promise<void> {
    const name = `own_${this.#number}`;
    const columns = this.#random.float() < 0.5 ? 'owner, v' : 'owner, u, v';
    try {
      await this.#database.batch(
        [
          `DROP TABLE IF EXISTS ${name}`,
          `CREATE TABLE ${name} (${columns})`,
          [`INSERT INTO ${name} (owner, v) VALUES (?, ?)`, [this.#number, 'x'.repeat(100)]],
        ],
        'write',
        { timeoutMs: CALL_MS },
      );
      this.#hasTable = true;
    } catch (error) {
      expectQuorateError(error);
    }
  }

  async #readSchema(): Promise<void> {
    if (!this.#hasTable) return this.#changeSchema();
    const name = `own_${this.#number}`;
    try {
      await this.#database.execute(
        `INSERT INTO ${name} (owner, v) VALUES (?, ?)`,
        [this.#number, 'y'],
        { timeoutMs: CALL_MS },
      );
    } catch (error) {
      expectQuorateError(error);
    }
    try {
      const rows = await this.#database.query<{ owner: number }>(
        `SELECT DISTINCT owner FROM ${name}`,
        [],
        { timeoutMs: CALL_MS, consistency: 'linearizable', readFrom: 'any' },
      );
      if (rows.length !== 1 || rows[0].owner !== this.#number) {
        throw new Violation('TX', `${name} has rows of ${rows.map(({ owner }) => owner).join()}`);
      }
    } catch (error) {
      expectQuorateError(error);
    }
  }

  /** The file grows and shrinks, with pages that are allocated and freed in one transaction (M10). */
  async #resize(): Promise<void> {
    const kind = this.#random.float();
    const size = randomBelow(this.#random, 200_000);
    try {
      if (kind < 0.2) await this.#database.execute('VACUUM', [], { timeoutMs: CALL_MS });
      else {
        await this.#database.batch(
          [
            ['INSERT INTO blobs (v) VALUES (zeroblob(?))', [size]],
            'DELETE FROM blobs WHERE id % 3 <> 0',
            ['INSERT INTO blobs (v) VALUES (randomblob(?))', [size >> 4]],
          ],
          'write',
          { timeoutMs: CALL_MS },
        );
      }
    } catch (error) {
      expectQuorateError(error);
    }
  }
}
