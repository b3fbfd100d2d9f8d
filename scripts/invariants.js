// Checks docs/invariants.md: every file, function and test that it names exists; every invariant cited in comments
// and room documents has a row. Tells how many have no test.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const DOCUMENT = join(root, 'docs', 'invariants.md');
const ID = /^(?:(?:[RLPENWMS]|M[IL])\d{1,2}|[A-Z]{2,7})$/;
const CITED = /\b(?:[RLPENWMS]|M[IL])\d{1,2}\b/g;
const errors = [];

/** Text of a file named relative to src/ or to the root, or undefined. */
function read(name) {
  const path = [join(root, 'src', name), join(root, name)].find((candidate) =>
    existsSync(candidate),
  );
  return path === undefined ? undefined : readFileSync(path, 'utf8');
}

const hasTest = (text, name) =>
  [`'${name}`, `"${name}`, `\`${name}`].some((it) => text.includes(it));

/** Checks one cell: `file`, then `names` in that file or "tests" of it. Returns how many files it names. */
function checkCell(id, cell) {
  let files = 0;
  let file;
  let text;
  for (const [, code, test] of cell.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
    if (code !== undefined && /^[\w./-]+\.(?:ts|js|json|txt)$/.test(code)) {
      files++;
      file = code;
      text = read(code);
      if (text === undefined) errors.push(`${id}: no file ${code}`);
    } else if (code !== undefined && !/^#?\w+$/.test(code)) {
      // An option or a command, not a name in the code.
    } else if (text === undefined) {
      if (file === undefined) errors.push(`${id}: ${code ?? test} without a file before it`);
    } else if (code !== undefined) {
      if (!text.includes(code)) errors.push(`${id}: ${file} has no ${code}`);
    } else if (!hasTest(text, test)) errors.push(`${id}: ${file} has no test "${test}"`);
  }
  return files;
}

function filesBelow(directory, wanted) {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return filesBelow(path, wanted);
    return wanted.test(name) ? [path] : [];
  });
}

const rows = new Set();
let untested = 0;
for (const line of readFileSync(DOCUMENT, 'utf8').split('\n')) {
  const cells = line.split('|').map((cell) => cell.trim());
  const id = cells[1] ?? '';
  if (!ID.test(id) || cells.length < 6) continue;
  if (rows.has(id)) errors.push(`${id} has two rows`);
  rows.add(id);
  const [enforced, tested] = [cells[3], cells[4]];
  const built = !enforced.startsWith('not built');
  if (built && checkCell(id, enforced) === 0) errors.push(`${id}: enforced nowhere`);
  const tests = checkCell(id, tested);
  if (tested.includes('no test yet')) untested++;
  else if (built && tests === 0) errors.push(`${id}: names no test`);
}

for (const path of filesBelow(join(root, 'src'), /\.ts$|^DESIGN\.md$/)) {
  const text = readFileSync(path, 'utf8');
  const prose = path.endsWith('.md')
    ? [text]
    : text.split('\n').filter((line) => /^\s*(?:\/?\*|\/\/)/.test(line));
  for (const [id] of prose.join('\n').matchAll(CITED)) {
    if (!rows.has(id))
      errors.push(`${relative(root, path)}: ${id} has no row in docs/invariants.md`);
  }
}

for (const error of errors) console.error(error);
console.log(
  `invariants: ${errors.length === 0 ? 'ok' : `${errors.length} errors`}, ${rows.size} in all, ${untested} without a test`,
);
process.exit(errors.length === 0 ? 0 : 1);
