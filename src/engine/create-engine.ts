import type { Engine, EngineOptions } from './contract.ts';
import { SqliteEngine } from './sqlite-engine.ts';

/** Compiles the bytes of sqlite3.wasm once; the module can be posted to other threads. */
export function compileSqlite(bytes: Uint8Array): WebAssembly.Module {
  return new WebAssembly.Module(bytes);
}

/** Instantiates SQLite. Throws QuorateError SQLITE_VERSION when the module is not the build this room was made for. */
export function createEngine(module: WebAssembly.Module, options: EngineOptions): Engine {
  return new SqliteEngine(module, options);
}
