// Checks documents: links inside the repository lead somewhere, every limit is documented, and no text names a path of
// the machine it was written on.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SKIPPED = new Set(['node_modules', 'dist', 'coverage', '.git', '.tmp']);
const errors = [];

/** Documents below a folder, relative to the root. */
function documents(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : documents(name);
    return name.endsWith('.md') ? [name] : [];
  });
}

for (const name of documents('.')) {
  const text = readFileSync(join(root, name), 'utf8');
  for (const [, link] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (/^[a-z]+:/.test(link)) continue;
    if (!existsSync(join(root, dirname(name), link))) errors.push(`${name}: no ${link}`);
  }
  const path = text.match(/(?:^|[\s`(])\/(?:work|root|home)\/\S*/);
  if (path) errors.push(`${name}: names ${path[0].trim()}`);
}

const limits = readFileSync(join(root, 'src', 'base', 'limits.ts'), 'utf8');
const table = readFileSync(join(root, 'docs', 'limits.md'), 'utf8');
for (const [, name] of limits.matchAll(/^ {2}(\w+):/gm)) {
  if (!table.includes(`\`${name}\``)) errors.push(`docs/limits.md: no ${name}`);
}

for (const error of errors) console.error(error);
console.log(`documents: ${errors.length === 0 ? 'ok' : `${errors.length} errors`}`);
process.exit(errors.length === 0 ? 0 : 1);
