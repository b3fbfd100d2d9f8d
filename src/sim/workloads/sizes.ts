import { randomBelow } from '../../base/index.ts';
import type { Database } from '../../client/index.ts';
import { Violation } from '../violation.ts';
import { expectQuorateError } from './expected-errors.ts';
import { type Actor, CALL_MS, type Workload } from './workload.ts';

/** The file grows and shrinks, with pages that are allocated and freed in one transaction (M10), and is rewritten by VACUUM. */
export class Sizes implements Workload {
  readonly name = 'sizes';
  readonly tables = 'CREATE TABLE IF NOT EXISTS blobs (id INTEGER PRIMARY KEY, v BLOB);';

  acknowledged = 0;

  async step({ database, random }: Actor): Promise<void> {
    const kind = random.float();
    const size = randomBelow(random, 200_000);
    try {
      if (kind < 0.2) await database.execute('VACUUM', [], { timeoutMs: CALL_MS });
      else {
        await database.batch(
          [
            ['INSERT INTO blobs (v) VALUES (zeroblob(?))', [size]],
            'DELETE FROM blobs WHERE id % 3 <> 0',
            ['INSERT INTO blobs (v) VALUES (randomblob(?))', [size >> 4]],
          ],
          'write',
          { timeoutMs: CALL_MS },
        );
      }
      this.acknowledged++;
    } catch (error) {
      expectQuorateError(error);
    }
  }

  async check(database: Database): Promise<void> {
    const check = await database.first<{ integrity_check: string }>('PRAGMA integrity_check');
    if (check?.integrity_check === 'ok') return;
    throw new Violation('REPL', String(check?.integrity_check));
  }
}
