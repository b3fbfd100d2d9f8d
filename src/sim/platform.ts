import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { HashFactory } from '../base/index.ts';
import { compileSqlite } from '../engine/index.ts';

// What a run needs of the platform; nothing in it decides what happens.

/** SQLite from the development dependency. */
export function loadSqlite(): WebAssembly.Module {
  const require = createRequire(import.meta.url);
  return compileSqlite(readFileSync(require.resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')));
}

/** Lets all promises settle: the queue of microtasks is empty when the next turn of the loop begins. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
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
