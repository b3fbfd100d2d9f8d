import { QuorateError, type Random, randomBelow } from '../../base/index.ts';
import type { BatchStatement, Database, Row } from '../../client/index.ts';
import type { ManifestEntry } from '../../schema/index.ts';
import { contractsIn, type Fate, misfit, type ViewState } from '../checkers/index.ts';
import { Violation } from '../violation.ts';
import { expectLocalError, fateOf } from './expected-errors.ts';
import { isClosed, isFenced } from './schema-copy.ts';
import { HISTORY_SEEN, ORPHAN, STATE_SEEN } from './schema-releases.ts';
import { CALL_MS } from './workload.ts';

const TRAIL = 'insert into trail (release, number) values (?, ?)';

/** Who uses the database: what its code does. */
export interface TrafficSource {
  readonly database: Database;
  readonly random: Random;
  /** Name of the release. */
  readonly release: string;
  readonly writes: readonly string[];
  readonly reads: readonly string[];
  /** Undefined: its sessions declare nothing. */
  readonly entries: readonly ManifestEntry[] | undefined;
  pause(): Promise<void>;
}

/** A transaction that says in the database who made it. */
export async function write(source: TrafficSource, number: number): Promise<Fate> {
  const { database, random, release, writes } = source;
  const orphan = random.float() < 0.1 && source.entries !== undefined;
  const own = orphan ? ORPHAN : writes[randomBelow(random, writes.length)];
  const statements: BatchStatement[] = [[TRAIL, [release, number]], own];
  let committing = true;
  try {
    if (random.float() < 0.6) {
      await database.batch(statements, 'write', { timeoutMs: CALL_MS });
    } else {
      committing = false;
      const transaction = await database.transaction('write', { timeoutMs: CALL_MS });
      try {
        await transaction.execute(TRAIL, [release, number]);
        if (random.float() < 0.3) await source.pause();
        await transaction.execute(own);
        committing = true;
        await transaction.commit();
      } finally {
        transaction.close();
      }
    }
  } catch (error) {
    const code = error instanceof QuorateError ? error.code : '';
    if (orphan && code === 'SQLITE_CONSTRAINT') return 'failed';
    if (isFenced(error)) return 'failed';
    if (isClosed(error)) return 'unknown';
    return fateOf(error, committing);
  }
  if (orphan) throw new Violation('MI7', `${release} inserted a reference that points nowhere`);
  return 'ok';
}

/** A read together with what was in force in the version that it saw. */
export async function read(source: TrafficSource): Promise<boolean> {
  const { database, random, reads, entries, release } = source;
  const own = reads[randomBelow(random, reads.length)];
  const local = random.float() < 0.3;
  try {
    const [state, history] = await database.batch([STATE_SEEN, HISTORY_SEEN, own], 'read', {
      ...{ timeoutMs: CALL_MS, consistency: local ? 'local' : 'linearizable' },
      readFrom: random.float() < 0.5 ? 'any' : 'leader',
    });
    if (entries === undefined) return true;
    const applied = new Map(
      history.rows.map((row) => [
        Number(row.version),
        { name: String(row.name), checksum: String(row.checksum) },
      ]),
    );
    const why = misfit(entries, seen(state.rows[0]), applied);
    if (why === undefined) return true;
    throw new Violation('MI1', `${release} has read although ${why}`);
  } catch (error) {
    if (error instanceof Violation) throw error;
    if (!isFenced(error) && !isClosed(error)) expectLocalError(error);
    return false;
  }
}

function seen(row: Row | undefined): ViewState | undefined {
  if (row === undefined) return undefined;
  return {
    ...{ version: Number(row.version), floor: Number(row.floor), chain: String(row.chain) },
    ...{ fingerprint: String(row.fingerprint), generation: Number(row.gen) },
    ...{ phase: String(row.phase), contracts: contractsIn(String(row.x)) },
  };
}
