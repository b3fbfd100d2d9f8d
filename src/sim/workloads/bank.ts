import { randomBelow } from '../../base/index.ts';
import type { Database, ResultSet, Transaction } from '../../client/index.ts';
import { checkBank, checkOutcomes, type Fate, type Transfer } from '../checkers/index.ts';
import { expectLocalError, expectQuorateError, fateOf, refuse } from './expected-errors.ts';
import { type Actor, CALL_MS, type Workload } from './workload.ts';

const ACCOUNTS = 8;
const OPENING = 100;
const UPDATE = 'UPDATE account SET amount = amount + ? WHERE id = ?';
const NOTE = 'INSERT INTO transfer VALUES (?, ?, ?, ?)';
const READ_ALL = ['SELECT id, amount FROM account', 'SELECT * FROM transfer'];

/** Money moves between accounts, and each transfer is written into a book: no version of the database, however old, has half of one. */
export class Bank implements Workload {
  readonly name = 'bank';
  readonly tables = `
    CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, amount INTEGER);
    CREATE TABLE IF NOT EXISTS transfer (id INTEGER PRIMARY KEY, source, target, amount);
    INSERT OR IGNORE INTO account VALUES ${Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${OPENING})`).join()};`;
  readonly #told = new Map<number, Fate>();
  #lastId = 0;

  get acknowledged(): number {
    return [...this.#told.values()].filter((fate) => fate === 'ok').length;
  }

  step(actor: Actor): Promise<void> {
    const kind = actor.random.float();
    if (kind < 0.4) return this.#transfer(actor);
    if (kind < 0.6) return this.#transferByHand(actor);
    return this.#read(actor);
  }

  #draw({ random }: Actor): Transfer {
    const source = randomBelow(random, ACCOUNTS);
    const target = (source + 1 + randomBelow(random, ACCOUNTS - 1)) % ACCOUNTS;
    return { id: ++this.#lastId, source, target, amount: 1 + randomBelow(random, 10) };
  }

  async #transfer(actor: Actor): Promise<void> {
    const { id, source, target, amount } = this.#draw(actor);
    try {
      await actor.database.batch(
        [
          [UPDATE, [-amount, source]],
          [UPDATE, [amount, target]],
          [NOTE, [id, source, target, amount]],
        ],
        'write',
        { timeoutMs: CALL_MS },
      );
      this.#told.set(id, 'ok');
    } catch (error) {
      this.#told.set(id, fateOf(error));
    }
  }

  /** With what was read before: another transfer in between would be undone. */
  async #transferByHand(actor: Actor): Promise<void> {
    const transfer = this.#draw(actor);
    let committing = false;
    try {
      const mode = actor.random.float() < 0.5 ? 'write' : 'deferred';
      const transaction = await actor.database.transaction(mode, { timeoutMs: CALL_MS });
      try {
        await move(transaction, transfer);
        committing = true;
        await transaction.commit();
        this.#told.set(transfer.id, 'ok');
      } finally {
        transaction.close();
      }
    } catch (error) {
      this.#told.set(transfer.id, fateOf(error, committing));
    }
  }

  async #read({ database, random }: Actor): Promise<void> {
    const consistency = random.float() < 0.5 ? 'linearizable' : 'local';
    try {
      const options = { timeoutMs: CALL_MS, readFrom: 'any', consistency } as const;
      this.#judge(await database.batch(READ_ALL, 'read', options));
    } catch (error) {
      if (consistency === 'local') expectLocalError(error);
      else expectQuorateError(error);
    }
  }

  #judge([balances, notes]: readonly ResultSet[]): void {
    // An old replica has the tables and nothing in them.
    if (balances.rows.length === 0) return;
    const accounts = new Map(balances.rows.map((row) => [Number(row.id), Number(row.amount)]));
    refuse(this.name, checkBank({ opening: OPENING, accounts, book: notes.rows.map(transferOf) }));
  }

  async check(database: Database): Promise<void> {
    const results = await database.batch(READ_ALL, 'read');
    this.#judge(results);
    const ids = results[1].rows.map(({ id }) => Number(id));
    refuse(this.name, checkOutcomes(this.#told, ids));
  }
}

async function move(transaction: Transaction, transfer: Transfer): Promise<void> {
  const { id, source, target, amount } = transfer;
  for (const [account, change] of [
    [source, -amount],
    [target, amount],
  ]) {
    const row = await transaction.first<{ amount: number }>(
      'SELECT amount FROM account WHERE id = ?',
      [account],
    );
    const changed = Number(row?.amount) + change;
    await transaction.execute('UPDATE account SET amount = ? WHERE id = ?', [changed, account]);
  }
  await transaction.execute(NOTE, [id, source, target, amount]);
}

function transferOf(row: ResultSet['rows'][number]): Transfer {
  return {
    id: Number(row.id),
    source: Number(row.source),
    target: Number(row.target),
    amount: Number(row.amount),
  };
}
