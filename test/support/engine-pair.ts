// A leader and a follower without consensus: one engine writes, each seal is applied to a second store.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuorateError, SeededRandom, type Value } from '../../src/base/index.ts';
import {
  type Connection,
  type ConnectionOptions,
  compileSqlite,
  createEngine,
  type Engine,
  type EngineOptions,
} from '../../src/engine/index.ts';
import { PageStore, type Seal, SlotArena, sizeAfterUpdate } from '../../src/pages/index.ts';

const PAGE_BYTES = 4096;
let compiled: WebAssembly.Module | undefined;

/** The module of the pinned SQLite build, compiled once per process. */
export function sqliteModule(): WebAssembly.Module {
  compiled ??= compileSqlite(
    readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
  );
  return compiled;
}

export function testEngine(options: Partial<EngineOptions> = {}): Engine {
  return createEngine(sqliteModule(), {
    clock: { wallMs: () => 1_700_000_000_000 },
    random: new SeededRandom(7),
    ...options,
  });
}

/** All rows of all statements of a text. */
export function rows(connection: Connection, sql: string, ...values: Value[]): Value[][] {
  const { statement } = connection.prepare(sql);
  if (statement === undefined) return [];
  try {
    values.forEach((value, i) => {
      statement.bind(i + 1, value);
    });
    const result: Value[][] = [];
    while (statement.step()) {
      result.push(Array.from({ length: statement.columnCount }, (_, i) => statement.value(i)));
    }
    return result;
  } finally {
    statement.release();
  }
}

export function one(connection: Connection, sql: string, ...values: Value[]): Value {
  return rows(connection, sql, ...values)[0]?.[0] ?? null;
}

/** The SQLite code that an action fails with; 0 when it does not fail. */
export function codeOf(action: () => unknown): number {
  try {
    action();
    return 0;
  } catch (error) {
    if (error instanceof QuorateError) return error.rawCode ?? -1;
    throw error;
  }
}

export function dump(store: PageStore): Buffer {
  const version = store.published;
  const bytes = Buffer.alloc(version.pages * PAGE_BYTES);
  for (let page = 1; page <= version.pages; page++) {
    store.copyPage(version, page, bytes, (page - 1) * PAGE_BYTES);
  }
  return bytes;
}

export const hasSqlite3 = (() => {
  try {
    execFileSync('sqlite3', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

/** What the sqlite3 program says about an image. */
export function nativeSqlite(image: Uint8Array, sql: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-'));
  try {
    writeFileSync(join(directory, 'image.db'), image);
    return execFileSync('sqlite3', [join(directory, 'image.db'), sql])
      .toString()
      .trim();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Pending {
  readonly seal: Seal;
  readonly images: Uint8Array;
}

export class EnginePair {
  readonly engine: Engine;
  readonly store = new PageStore(new SlotArena({ poison: true }));
  readonly follower = new PageStore(new SlotArena({ poison: true }));
  readonly writer: Connection;
  pending: Pending[] = [];
  index = 0;

  constructor(options: Partial<EngineOptions> = {}, connection: ConnectionOptions = {}) {
    this.engine = testEngine(options);
    this.writer = this.open({ ...connection, shared: false }, 'head');
  }

  open(options: ConnectionOptions = {}, policy: 'published' | 'head' = 'published'): Connection {
    const connection = this.engine.open(this.store, options);
    connection.pinPolicy = policy;
    return connection;
  }

  seal(): void {
    const seal = this.store.seal();
    if (seal === undefined) return;
    const images = new Uint8Array(seal.pageNumbers.length * PAGE_BYTES);
    for (let i = 0; i < seal.pageNumbers.length; i++) seal.copyImage(i, images, i * PAGE_BYTES);
    this.pending.push({ seal, images });
  }

  /** Publishes the oldest `count` seals and applies them to the follower. */
  publish(count = Number.POSITIVE_INFINITY): void {
    while (this.pending.length > 0 && count-- > 0) {
      const [{ seal, images }] = this.pending.splice(0, 1);
      this.store.publish(seal, ++this.index);
      const update = { pageNumbers: seal.pageNumbers, images };
      const { pages } = sizeAfterUpdate(update, this.follower.published.pages);
      this.follower.apply(update, pages, this.index);
    }
  }

  /** Runs statements on the writer, and replicates what they changed. */
  write(sql: string, connection = this.writer): void {
    connection.execute(sql);
    this.commit();
  }

  commit(): void {
    this.seal();
    this.publish();
  }

  /** Loses the leadership: drops speculation and the connections that saw it. */
  revert(): readonly Connection[] {
    this.store.revert();
    this.pending = [];
    return this.engine.closeAbove(this.store, this.store.published.change);
  }

  /** What is wrong with the replicas; '' = nothing. Also asks SQLite, on both sides, and the sqlite3 program. */
  problem(): string {
    this.commit();
    const mine = dump(this.store);
    if (!mine.equals(dump(this.follower))) return 'the follower has other bytes';
    for (const store of [this.store, this.follower]) {
      const engine = testEngine();
      const answer = one(engine.open(store), 'PRAGMA integrity_check');
      engine.closeAll();
      if (answer !== 'ok') return String(answer);
    }
    if (!hasSqlite3) return '';
    const answer = nativeSqlite(mine, 'PRAGMA integrity_check; PRAGMA journal_mode');
    return answer === 'ok\nwal' ? '' : `sqlite3: ${answer}`;
  }

  /** Closes everything; the slots that are still taken, which must be none. */
  end(): number {
    this.engine.closeAll();
    this.store.close();
    const { slots, free } = this.store.memory.statistics();
    return slots - free;
  }
}
