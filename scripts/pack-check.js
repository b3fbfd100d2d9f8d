// Packs the package, installs it into an empty project without anything of this checkout, and uses it: command line, a node in a
// program, types. Arguments: other Node programs to run it with, besides this one.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'quorate-pack-'));
const run = (program, args, cwd = project) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', timeout: 120_000 });

const PROGRAM = `
import { startNode } from 'quorate';
import { connect } from 'quorate/client';

const address = '127.0.0.1:' + (20000 + (process.pid % 20000));
const node = await startNode({ dir: 'data-' + process.pid, address });
await node.ready();
const db = node.database('app');
await db.execute('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)');
await db.execute('INSERT INTO users (name) VALUES (?)', ['Ada']);
const outside = connect({ servers: [address], database: 'app' });
const row = await outside.first<{ name: string }>('SELECT id, name FROM users');
await outside.close();
await node.close();
if (row?.name !== 'Ada') throw new Error('wrong row');
console.log('wrote and read on Node ' + process.version);
`;
const CONFIG = {
  compilerOptions: {
    ...{ target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext', strict: true },
    ...{ lib: ['es2023', 'esnext.disposable'], types: ['node'], noEmit: true, skipLibCheck: true },
    typeRoots: [join(root, 'node_modules', '@types')],
  },
  files: ['program.ts'],
};

try {
  const packed = run(
    'npm',
    ['pack', '--silent', '--ignore-scripts', '--pack-destination', project],
    root,
  );
  const archive = join(project, packed.trim().split('\n').at(-1) ?? '');
  console.log(`packed: ${(statSync(archive).size / 2 ** 20).toFixed(2)} MiB`);
  writeFileSync(join(project, 'package.json'), '{"type":"module","private":true}');
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', archive]);
  console.log(`installed: ${readdirSync(join(project, 'node_modules')).join(' ')}`);
  const installed = join(project, 'node_modules', 'quorate');
  for (const path of [
    'dist/sqlite/sqlite3.wasm',
    'dist/index.d.ts',
    'NOTICE',
    'LICENSE',
    'README.md',
  ])
    statSync(join(installed, path));
  if (!run('npx', ['quorate', '--help']).includes('usage: quorate'))
    throw new Error('npx quorate --help does not work');

  writeFileSync(join(project, 'program.ts'), PROGRAM);
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(CONFIG));
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json');
  run(process.execPath, [join(tsc, '..', 'bin', 'tsc'), '-p', project]);
  console.log('types: a strict consumer with module nodenext compiles');

  writeFileSync(join(project, 'program.js'), PROGRAM.replace('<{ name: string }>', ''));
  for (const node of [process.execPath, ...process.argv.slice(2)])
    process.stdout.write(run(node, ['program.js']));
} catch (error) {
  console.error(error.stdout ?? '', error.stderr ?? '', error.message);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}
