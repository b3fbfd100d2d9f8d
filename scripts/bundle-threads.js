// Makes one file, or few, of what each thread of a node loads: four threads with hundreds of modules each cost a start more than a
// second of processor time. The compiled modules stay for everything else.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const source = fileURLToPath(new URL('../src/app', import.meta.url));
const target = fileURLToPath(new URL('../dist/app', import.meta.url));
const THREADS = ['consensus-thread', 'sql-thread', 'reader-thread'];

for (const name of readdirSync(target)) {
  if (name.startsWith('threads-shared')) rmSync(join(target, name));
}
const bundle = await rolldown({
  input: Object.fromEntries(THREADS.map((name) => [name, join(source, `${name}.ts`)])),
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/') && !/^[A-Za-z]:/.test(id),
});
await bundle.write({
  dir: target,
  format: 'esm',
  sourcemap: true,
  entryFileNames: '[name].js',
  // Beside the entries: what is found by import.meta.url is found from there.
  chunkFileNames: 'threads-shared-[name].js',
});
await bundle.close();
