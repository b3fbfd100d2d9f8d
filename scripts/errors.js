// Checks docs/errors.md: every code that the sources give to a user is in a table, and every code there exists.
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(new URL('.', import.meta.url)), '..');
/** Simulator and demo report to those who build this; result-codes.ts holds parts of SQLite's names. */
const SKIPPED = /\.test\.ts$|\btesting\b|^sim\b|^cli.demo\b|result-codes\.ts$/;
/** A code as the first argument of an error, as a property, or in the tables of failures. */
const GIVEN = [
  /(?:QuorateError|[fF]ail(?:ure)?)\(\s*(?:\w+,\s*)?'([A-Z][A-Z_]+)'/g,
  /(?:QuorateError|[fF]ail(?:ure)?)\(\s*\w+ \? '([A-Z][A-Z_]+)' : '([A-Z][A-Z_]+)'/g,
  /\bownFailure\(\s*[\w.]+,\s*'([A-Z][A-Z_]+)'/g,
  /\bcode: '([A-Z][A-Z_]+)'/g,
  /super\('([A-Z][A-Z_]+)'/g,
];

function sourceFiles(folder) {
  return readdirSync(join(root, 'src', folder), { withFileTypes: true }).flatMap((entry) => {
    const name = join(folder, entry.name);
    if (SKIPPED.test(name.split(sep).join('/'))) return [];
    if (entry.isDirectory()) return sourceFiles(name);
    return name.endsWith('.ts') ? [name] : [];
  });
}

const given = new Map();
let text = '';
for (const file of sourceFiles('.')) {
  const source = readFileSync(join(root, 'src', file), 'utf8');
  text += source;
  for (const pattern of GIVEN) {
    for (const match of source.matchAll(pattern)) {
      for (const code of match.slice(1)) if (code !== undefined) given.set(code, file);
    }
  }
}

const document = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
const rows = document.split('\n').filter((line) => line.startsWith('| `'));
const documented = rows.flatMap((line) =>
  [...(line.split('|')[1] ?? '').matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, code]) => code),
);
const errors = [];
for (const [code, file] of given) {
  // Names of SQLite's result codes are explained as a family.
  if (!code.startsWith('SQLITE_') && !documented.includes(code))
    errors.push(`${file}: ${code} is not in docs/errors.md`);
}
for (const code of documented) {
  if (!text.includes(`'${code}'`)) errors.push(`docs/errors.md: no source gives ${code}`);
}
for (const code of documented.filter((each, at) => documented.indexOf(each) !== at))
  errors.push(`docs/errors.md: ${code} is there twice`);
if (given.size < 50) errors.push(`only ${given.size} codes found in src: the patterns are stale`);

for (const error of errors) console.error(error);
console.log(
  errors.length === 0 ? `errors: ok, ${documented.length} codes` : `errors: ${errors.length}`,
);
process.exit(errors.length === 0 ? 0 : 1);
