import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import type { HashFactory } from '../base/index.ts';
import { compileSqlite } from '../engine/index.ts';

// What a run needs of the platform; nothing in it decides what happens.

/** SQLite from the development dependency. */
export function loadSqlite(): WebAssembly.Module {
  const require = createRequire(import.meta.url);
  return compileSqlite(readFileSync(require.resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')));
}

/** Lets all promises settle: ticks run when the queue of microtasks is empty, without a turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

export const sha256: HashFactory = () => {
  const hash = createHash('sha256');
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    digest: () => hash.digest(),
  };
};
