import { QuorateError, type Random, randomBelow } from '../base/index.ts';
import type { Database, Transaction } from '../client/index.ts';
import type { FleetClient } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import { pause } from './waiting.ts';

const ACCOUNTS = 8;
const OPENING = 100;
const CALL_MS = 4_000;

export const BANK_TABLES = `
  CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL);
  CREATE TABLE transfer (id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER);
  INSERT INTO account VALUES ${Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${OPENING})`).join()};`;

/**
 * Money moves between accounts in interactive transactions, each with a row in a book; sessions read what they wrote.
 * Money is neither made nor lost, the book explains each account, and a session never looks back.
 */
export class Bank {
  readonly #client: FleetClient;
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #demandsFresh: boolean;
  #stopped = false;
  #done: Promise<void> | undefined;

  constructor(parts: {
    readonly client: FleetClient;
    readonly database: string;
    readonly ledger: Ledger;
    readonly random: Random;
    readonly demandsFresh: boolean;
  }) {
    this.#client = parts.client;
    this.#database = parts.client.client.database(parts.database, { timeoutMs: CALL_MS });
    this.#ledger = parts.ledger;
    this.#random = parts.random;
    this.#demandsFresh = parts.demandsFresh;
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const draw = this.#random.float();
      if (draw < 0.5) await this.#transfer();
      else if (draw < 0.7) await this.#sessionTransfer();
      else await this.#audit();
      await pause(this.#random.float() * 40);
    }
  }

  /** BEGIN; two reads; two updates with what was read; a row in the book; COMMIT. */
  async #transfer(): Promise<void> {
    const id = this.#ledger.nextId();
    const beganMs = performance.now();
    const mode = this.#random.float() < 0.5 ? 'write' : 'deferred';
    let committing = false;
    try {
      const transaction = await this.#database.transaction(mode, { timeoutMs: CALL_MS });
      try {
        await this.#move(transaction, id);
        committing = true;
        await transaction.commit();
      } finally {
        transaction.close();
      }
      this.#ledger.acknowledge(id, beganMs);
    } catch (error) {
      this.#ledger.fail(id, error, committing);
    }
  }

  async #move(transaction: Transaction, id: number): Promise<void> {
    const [source, target, amount] = this.#draw();
    const from = await this.#amount(transaction, source);
    const to = await this.#amount(transaction, target);
    if (this.#random.float() < 0.2) await pause(this.#random.float() * 100);
    const update = 'UPDATE account SET amount = ? WHERE id = ?';
    await transaction.execute(update, [from - amount, source]);
    await transaction.execute(update, [to + amount, target]);
    await transaction.execute('INSERT INTO transfer VALUES (?, ?, ?, ?)', [
      id,
      source,
      target,
      amount,
    ]);
  }

  async #amount(transaction: Transaction, id: number): Promise<number> {
    const row = await transaction.first<{ amount: number }>(
      'SELECT amount FROM account WHERE id = ?',
      [id],
    );
    return Number(row?.amount);
  }

  /** A batch in a session, and a read in the same session wherever it may run. */
  async #sessionTransfer(): Promise<void> {
    const id = this.#ledger.nextId();
    const beganMs = performance.now();
    const [source, target, amount] = this.#draw();
    const session = this.#database.session();
    try {
      await session.batch(
        [
          ['UPDATE account SET amount = amount - ? WHERE id = ?', [amount, source]],
          ['UPDATE account SET amount = amount + ? WHERE id = ?', [amount, target]],
          ['INSERT INTO transfer VALUES (?, ?, ?, ?)', [id, source, target, amount]],
        ],
        'write',
        { timeoutMs: CALL_MS },
      );
      this.#ledger.acknowledge(id, beganMs);
    } catch (error) {
      this.#ledger.fail(id, error);
      return;
    }
    try {
      const row = await session.first('SELECT id FROM transfer WHERE id = ?', [id], {
        consistency: 'session',
        readFrom: 'any',
        timeoutMs: CALL_MS,
      });
      this.#ledger.reads++;
      if (row === undefined && this.#demandsFresh) {
        this.#ledger.anomalies.push(`a session does not see its own transfer ${id}`);
      }
    } catch (error) {
      this.#ledger.count(error);
    }
  }

  #draw(): readonly [source: number, target: number, amount: number] {
    const source = randomBelow(this.#random, ACCOUNTS);
    const target = (source + 1 + randomBelow(this.#random, ACCOUNTS - 1)) % ACCOUNTS;
    return [source, target, 1 + randomBelow(this.#random, 10)];
  }

  /** Any version of the database, however old, is one of whole transactions. */
  async #audit(): Promise<void> {
    const consistency = this.#random.float() < 0.5 ? 'linearizable' : 'local';
    try {
      const result = await this.#database.execute(AUDIT, [], { consistency, readFrom: 'any' });
      this.#ledger.reads++;
      const finding = auditFinding(result.rows[0]?.total, result.rows[0]?.wrong);
      if (finding !== undefined) {
        this.#ledger.anomalies.push(`${consistency} at ${result.executedBy.address}: ${finding}`);
      }
    } catch (error) {
      if (consistency === 'local' && isBeforeTables(error)) return;
      this.#ledger.count(error);
    }
  }
}

/** A replica may be so far behind that it has not heard of the tables, or of the database. */
function isBeforeTables(error: unknown): boolean {
  return (
    error instanceof QuorateError &&
    (error.code === 'DATABASE_NOT_FOUND' || error.message.includes('no such table'))
  );
}

/** The sum of all accounts, and how many are not what the book says. */
export const AUDIT = `
  SELECT (SELECT sum(amount) FROM account) AS total,
    (SELECT count(*) FROM account AS a WHERE a.amount <> ${OPENING}
      + (SELECT coalesce(sum(amount), 0) FROM transfer WHERE target = a.id)
      - (SELECT coalesce(sum(amount), 0) FROM transfer WHERE source = a.id)) AS wrong`;

/** What is wrong with the answer to `AUDIT`. */
export function auditFinding(total: unknown, wrong: unknown): string | undefined {
  if (Number(total) !== ACCOUNTS * OPENING) return `torn transaction: the accounts hold ${total}`;
  if (Number(wrong) !== 0) return `lost update: ${wrong} accounts are not what the book says`;
  return undefined;
}
