import { readFileSync } from 'node:fs';
import { QuorateError } from '../base/index.ts';
import { compileSqlite } from '../engine/index.ts';

const WASM = new URL('../sqlite/sqlite3.wasm', import.meta.url);

let compiled: WebAssembly.Module | undefined;

/** SQLite's module, shipped beside the code, compiled once per thread that asks. */
export function sqliteModule(): WebAssembly.Module {
  if (compiled !== undefined) return compiled;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(WASM);
  } catch (cause) {
    throw new QuorateError(
      'SQLITE_MISSING',
      `${WASM.pathname} is missing; reinstall the package, or run "npm run build" in a checkout`,
      { cause },
    );
  }
  compiled = compileSqlite(bytes);
  return compiled;
}
