import { PAGE_SIZE_BYTES, QuorateError } from '../../../src/base/index.ts';
import { type Connection, createEngine } from '../../../src/engine/index.ts';
import { PageStore, SlotArena, sizeAfterUpdate } from '../../../src/pages/index.ts';
import { dump, EnginePair, sqliteModule } from '../../support/engine-pair.ts';
import type { Target } from '../target.ts';
import { randomOf } from './check.ts';

const STATEMENTS = [
  'SELECT count(*), sum(length(b)) FROM t',
  'SELECT * FROM t WHERE a BETWEEN 3 AND 40 ORDER BY b DESC',
  "SELECT * FROM words WHERE words MATCH 'seven'",
  'PRAGMA integrity_check(3)',
  "INSERT INTO t VALUES (1000, 'new'), (1001, zeroblob(5000))",
  "UPDATE t SET b = b || 'x' WHERE a % 3 = 0",
  'DELETE FROM t WHERE a < 20',
  'CREATE INDEX more ON t(length(b), a)',
  'VACUUM',
] as const;
/** A damaged tree can be a circle: this many thousand operations are enough. */
const PROGRESS_MAX = 300;

let original: Uint8Array | undefined;

/** A small database with tables, indexes, overflow pages, a trigger and a text index. */
function pages(): Uint8Array {
  if (original !== undefined) return original;
  const pair = new EnginePair();
  pair.write(`CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b);
    CREATE TRIGGER r AFTER DELETE ON t BEGIN UPDATE t SET b = 1 WHERE a = old.a + 1; END;
    CREATE VIRTUAL TABLE words USING fts5(w);
    INSERT INTO words VALUES ('six seven eight'), ('seven');
    WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60)
    INSERT INTO t SELECT n, printf('%.*c', n * n * 2, 'x') FROM c`);
  original = new Uint8Array(dump(pair.store));
  pair.engine.closeAll();
  return original;
}

/** Pages as a broken or hostile leader may send them, applied and then used: SQLite reports, nothing crashes. */
export const databasePagesTarget: Target = {
  name: 'database-pages',
  quickInputs: 25,
  corpus: () => [pages()],
  /** The magic, page size and change counters, so that the page is taken for a database. */
  repair(bytes) {
    if (bytes.length < PAGE_SIZE_BYTES) return;
    bytes.set(pages().subarray(0, 28));
    bytes.set(pages().subarray(92, 96), 92);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(28, Math.max(1, Math.floor(bytes.length / PAGE_SIZE_BYTES)));
  },
  memory: (length) => ({ atOnce: 64 * 1024 * 1024, total: 512 * 1024 * 1024 + 64 * length }),
  run(bytes) {
    const random = randomOf(bytes);
    const store = new PageStore(new SlotArena());
    const count = Math.floor(bytes.length / PAGE_SIZE_BYTES);
    const update = {
      pageNumbers: Uint32Array.from({ length: count }, (_, i) => i + 1),
      images: bytes.subarray(0, count * PAGE_SIZE_BYTES),
    };
    const { pages: size } = sizeAfterUpdate(update, 0);
    if (!goesWell(() => store.apply(update, size, 1))) return;
    const engine = createEngine(sqliteModule(), { clock: { wallMs: () => 1 }, random });
    let progress = 0;
    goesWell(() => {
      const hooks = { progress: () => ++progress > PROGRESS_MAX };
      const connection = engine.open(store, { hooks });
      connection.pinPolicy = 'head';
      for (const sql of STATEMENTS) {
        progress = 0;
        goesWell(() => runAll(connection, sql));
      }
    });
    engine.closeAll();
  },
};

function runAll(connection: Connection, sql: string): void {
  const { statement } = connection.prepare(sql);
  if (statement === undefined) return;
  try {
    while (statement.step()) for (let i = 0; i < statement.columnCount; i++) statement.value(i);
  } finally {
    statement.release();
  }
}

/** Whether an action went well; anything but an error with a code goes on being thrown. */
function goesWell(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof QuorateError) return false;
    throw error;
  }
}
