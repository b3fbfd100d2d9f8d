import { QuorateError } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import { type Claim, checkClaims, checkOutcomes, type Fate } from '../checkers/index.ts';
import { fateOf, refuse } from './expected-errors.ts';
import { type Actor, CALL_MS, span, type Workload } from './workload.ts';

const CLAIM = 'INSERT INTO claim VALUES (?, ?)';
/** So many clients in a row are after the same key. */
const RIVALS = 4;

/** Several clients insert the same key: one succeeds, and the others hear of a row only if it comes to be. */
export class Claims implements Workload {
  readonly name = 'claims';
  readonly tables = 'CREATE TABLE IF NOT EXISTS claim (id INTEGER PRIMARY KEY, number INTEGER);';
  readonly #history: Claim[] = [];
  readonly #told = new Map<number, Fate>();
  #attempts = 0;

  get acknowledged(): number {
    return [...this.#told.values()].filter((fate) => fate === 'ok').length;
  }

  async step(actor: Actor): Promise<void> {
    const number = this.#attempts++;
    const key = Math.floor(number / RIVALS);
    const invokedAt = actor.now();
    let fate: Fate = 'failed';
    let refused = false;
    let committing = true;
    try {
      if (actor.random.float() < 0.6) {
        await actor.database.execute(CLAIM, [key, number], { timeoutMs: CALL_MS });
        fate = 'ok';
      } else {
        committing = false;
        const transaction = await actor.database.transaction('write', { timeoutMs: CALL_MS });
        try {
          await transaction.execute(CLAIM, [key, number]);
          if (actor.random.float() < 0.5) {
            committing = true;
            await transaction.commit();
            fate = 'ok';
          } else await transaction.rollback();
        } finally {
          transaction.close();
        }
      }
    } catch (error) {
      refused = error instanceof QuorateError && error.code === 'SQLITE_CONSTRAINT';
      if (!refused) fate = fateOf(error, committing);
    }
    this.#told.set(number, fate);
    this.#history.push({ ...span(actor, invokedAt, fate), key, refused });
  }

  async check(database: Database): Promise<void> {
    refuse(this.name, checkClaims(this.#history));
    const rows = await database.query<{ number: number }>('SELECT number FROM claim');
    refuse(
      this.name,
      checkOutcomes(
        this.#told,
        rows.map(({ number }) => number),
      ),
    );
  }
}
