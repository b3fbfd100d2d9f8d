// Room check: an import goes only to a room named in rooms.json and only through its door (index.ts);
// pure rooms have no await, clock, timer, randomness, process or I/O; no file is longer than 700 lines.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const { rooms, doors, pure, noIo, platform, libraries } = JSON.parse(
  readFileSync(join(root, '..', 'scripts', 'rooms.json'), 'utf8'),
);
const IMPURE =
  /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|process\.|performance\.now|crypto\.)/;
const LINES_MAX = 700;
const errors = [];
const escapes = [];

function sourceFiles(directory) {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return sourceFiles(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function checkImports(file, room, text) {
  for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
    if (!specifier.startsWith('.')) {
      const known = libraries[room]?.includes(specifier) === true;
      if (!known && (pure.includes(room) || noIo.includes(room))) {
        errors.push(`${file}: ${room} imports "${specifier}"`);
      }
      continue;
    }
    const target = relative(root, normalize(join(dirname(join(root, file)), specifier)));
    const [targetRoom, ...rest] = target.split(sep);
    if (targetRoom === room) continue;
    if (!rooms[room].includes(targetRoom))
      errors.push(`${file}: ${room} -> ${targetRoom} is not allowed`);
    else if (rest.join(sep) !== 'index.ts')
      errors.push(`${file}: use the door of ${targetRoom}, not ${specifier}`);
  }
}

function checkPurity(file, room, text) {
  text.split('\n').forEach((line, index) => {
    const code = line.replace(/'[^']*'/g, "''").replace(/\/\/.*|^\s*\/?\*.*/, '');
    const at = `${file}:${index + 1}`;
    if (/biome-ignore|@ts-(ignore|expect-error)|\bas unknown as\b|\bas never\b/.test(line))
      escapes.push(`${at}: ${line.trim()}`);
    const impure = code.match(IMPURE);
    if (impure && (pure.includes(room) || noIo.includes(room)))
      errors.push(`${at}: ${room} uses ${impure[0]}`);
    if (pure.includes(room) && /\bawait\b/.test(code)) errors.push(`${at}: pure room awaits`);
  });
}

function checkCycles(room, path) {
  if (path.includes(room)) errors.push(`cycle: ${[...path, room].join(' -> ')}`);
  else for (const next of rooms[room] ?? []) checkCycles(next, [...path, room]);
}

for (const path of sourceFiles(root)) {
  const file = relative(root, path);
  const text = readFileSync(path, 'utf8');
  // Tests and their helpers are not built and may join any rooms.
  const isTest = file.endsWith('.test.ts') || file.split(sep).includes('testing');
  const [room, ...rest] = file.split(sep);
  if (text.split('\n').length > LINES_MAX) errors.push(`${file}: longer than ${LINES_MAX} lines`);
  // Test helpers and the few files that a room keeps for the platform are not part of its logic.
  if (isTest || file.includes(`${sep}testing${sep}`) || platform.includes(file)) continue;
  if (rest.length === 0) {
    if (!doors.includes(room)) errors.push(`${file}: not a door of the package`);
  } else if (!rooms[room]) errors.push(`${file}: no room "${room}" in rooms.json`);
  else {
    checkImports(file, room, text);
    checkPurity(file, room, text);
  }
}
for (const room of Object.keys(rooms)) checkCycles(room, []);

const listed = readFileSync(join(root, '..', 'docs', 'escapes.md'), 'utf8');
const unlisted = escapes.filter((line) => !listed.includes(line.split(':')[0]));
for (const line of unlisted) errors.push(`escape not listed in docs/escapes.md: ${line}`);

for (const error of errors) console.error(error);
console.log(
  `rooms: ${errors.length === 0 ? 'ok' : `${errors.length} errors`}, ${escapes.length} listed escapes`,
);
process.exit(errors.length === 0 ? 0 : 1);
