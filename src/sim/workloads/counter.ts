import type { Database } from '../../client/index.ts';
import { Violation } from '../violation.ts';
import { fateOf } from './expected-errors.ts';
import { type Actor, CALL_MS, type Workload } from './workload.ts';

/** BEGIN; SELECT; UPDATE; COMMIT: no increment may be lost, none counted twice. */
export class Counter implements Workload {
  readonly name = 'counter';
  readonly tables = `
    CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, n INTEGER);
    INSERT OR IGNORE INTO counter VALUES (1, 0);`;
  acknowledged = 0;
  #doubtful = 0;

  async step(actor: Actor): Promise<void> {
    let committing = false;
    try {
      const tx = await actor.database.transaction('deferred', { timeoutMs: CALL_MS });
      try {
        const row = await tx.first<{ n: number }>('SELECT n FROM counter WHERE id = 1');
        if (actor.random.float() < 0.3) await actor.pause();
        await tx.execute('UPDATE counter SET n = ? WHERE id = 1', [(row?.n ?? 0) + 1]);
        committing = true;
        await tx.commit();
        this.acknowledged++;
      } finally {
        tx.close();
      }
    } catch (error) {
      const fate = fateOf(error, committing);
      if (fate === 'ok') this.acknowledged++;
      else if (fate === 'unknown') this.#doubtful++;
    }
  }

  async check(database: Database): Promise<void> {
    const row = await database.first<{ n: number }>('SELECT n FROM counter WHERE id = 1');
    const n = row?.n ?? -1;
    const most = this.acknowledged + this.#doubtful;
    if (n >= this.acknowledged && n <= most) return;
    throw new Violation('TX', `${this.acknowledged} to ${most} increments, n is ${n}`);
  }
}
