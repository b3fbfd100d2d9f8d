// Puts SQLite's WASM module beside the compiled code: a development dependency, shipped inside the package.
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const target = fileURLToPath(new URL('../dist/sqlite', import.meta.url));
mkdirSync(target, { recursive: true });
copyFileSync(require.resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm'), join(target, 'sqlite3.wasm'));
