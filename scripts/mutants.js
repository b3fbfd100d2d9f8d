// Mutation proof: builds the product with one deliberate bug after another and runs fresh seeds until the simulator
// has found each. npm run mutants -- [--check] [--only NAME,NAME] [--seeds 200] [--first SEED] [--hours 0.01] [--profile NAME,NAME] [--jobs N]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildMutant, copyProject } from './mutants/build.js';
import { MUTANTS, mutated, PROFILES } from './mutants/catalogue.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const HUNT = join(ROOT, 'scripts', 'mutants', 'hunt.js');
/** A seed that takes so long hangs; that proves nothing, the next one is tried. */
const SILENT_MS = 180_000;

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    seeds: { type: 'string', default: '200' },
    first: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    hours: { type: 'string', default: '0.01' },
    profile: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
if (values.check) {
  // Only whether every patch still finds its text: part of npm run check.
  for (const mutant of MUTANTS) mutated(mutant, join(ROOT, 'src'));
  console.log(`mutants: ok, ${MUTANTS.length} apply`);
  process.exit(0);
}
const first = Number(values.first);
const limit = Number(values.seeds);
const only = (values.only ?? '').split(',');
const chosen = MUTANTS.filter(({ name }) => only.some((part) => name.includes(part)));
const folder = mkdtempSync(join(tmpdir(), 'quorate-mutants-'));
const pristine = join(folder, 'pristine');
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

function cleanUp() {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    cleanUp();
    process.exit(130);
  });
}

/** Runs a program in `cwd`; `line` hears each line it prints. Resolves with its exit code; 'silent' when it hangs. */
function run(program, args, cwd, line) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let silent = false;
    const arm = () =>
      setTimeout(() => {
        silent = true;
        child.kill('SIGKILL');
      }, SILENT_MS);
    let timer = arm();
    let rest = '';
    child.stdout.on('data', (chunk) => {
      clearTimeout(timer);
      timer = arm();
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) line(text);
    });
    child.stderr.on('data', () => undefined);
    child.on('close', (code) => {
      clearTimeout(timer);
      children.delete(child);
      resolve(silent ? 'silent' : code);
    });
  });
}

/** The profiles that the seeds of a mutant take in turn, as a list with commas. */
function profilesOf(mutant) {
  return values.profile ?? (mutant.profiles ?? PROFILES).join(',');
}

/** Runs seeds of one build. `stop`: only until one is caught. */
async function hunt(build, profiles, stop, count) {
  const results = [];
  while (results.length < count) {
    const next = first + results.length;
    const left = count - results.length;
    const args = [HUNT, build, values.hours, next, left, profiles, stop].map(String);
    const code = await run(process.execPath, args, build, (text) => {
      if (text.startsWith('{')) results.push(JSON.parse(text));
    });
    if (results.at(-1)?.caught !== undefined && stop === 'stop') break;
    if (results.length >= count) break;
    if (code === 0) throw new Error('the hunt ended early');
    results.push({ seed: first + results.length, invalid: code === 'silent' ? 'hangs' : 'died' });
  }
  return results;
}

/** Whether the directed test of a mutant fails. */
async function directed(build, [file, test]) {
  const vitest = join(ROOT, 'node_modules', '.bin', 'vitest');
  let failed = false;
  await run(vitest, ['run', `src/${file}`, '-t', test, '--maxWorkers=1'], build, (text) => {
    if (/^\s*Tests\s+.*\d+ failed/.test(text)) failed = true;
  });
  return failed;
}

/** The result of one mutant, as a row of the table. */
async function judge(mutant) {
  const startedAt = Date.now();
  const build = join(folder, mutant.name);
  const row = { name: mutant.name, rule: mutant.rule, seeds: 0, by: '', caught: false, seconds: 0 };
  row.profiles = profilesOf(mutant);
  try {
    buildMutant(mutant, ROOT, pristine, build);
    if (mutant.directed !== undefined) {
      row.caught = await directed(build, mutant.directed);
      row.by = `${row.caught ? '' : 'NOT CAUGHT by '}test "${mutant.directed[1]}"`;
    } else {
      const results = await hunt(build, profilesOf(mutant), 'stop', limit);
      const last = results.at(-1);
      row.seeds = results.length;
      row.caught = last?.caught !== undefined;
      const invalid = results.filter((result) => result.invalid !== undefined);
      row.by =
        (row.caught ? `${last.profileName}: ${last.caught}` : undefined) ??
        `NOT CAUGHT; ${invalid.length} seeds failed invalidly: ${invalid[0]?.invalid ?? ''}`;
      if (
        !row.caught &&
        mutant.fallback !== undefined &&
        (await directed(build, mutant.fallback))
      ) {
        row.caught = true;
        row.by = `no seed; test "${mutant.fallback[1]}"`;
      }
    }
  } catch (error) {
    row.by = error instanceof Error ? error.message : String(error);
  }
  row.seconds = Math.round((Date.now() - startedAt) / 1000);
  rmSync(build, { recursive: true, force: true });
  console.log(
    `${row.caught ? 'caught' : 'MISSED'} ${row.name} (${row.rule}): ${row.seeds} seeds, ${row.seconds} s, ${row.by}`,
  );
  return row;
}

async function all(jobs) {
  const rows = [];
  const queue = [...chosen];
  const worker = async () => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      rows.push(await judge(mutant));
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return chosen.map(({ name }) => rows.find((row) => row.name === name));
}

/** The unchanged product must pass the seeds that caught mutants, with the same profiles, and the directed tests. */
async function control(rows) {
  const build = join(folder, 'control');
  buildMutant(undefined, ROOT, pristine, build);
  const needed = new Map([[PROFILES.join(','), 1]]);
  for (const { profiles, seeds, caught, by } of rows) {
    if (!caught || by.startsWith('no seed')) continue;
    needed.set(profiles, Math.max(seeds, needed.get(profiles) ?? 0));
  }
  let failures = 0;
  for (const [profiles, count] of needed) {
    const results = await hunt(build, profiles, 'go on', count);
    for (const { seed, profileName, caught, invalid } of results) {
      if (caught === undefined && invalid === undefined) continue;
      failures++;
      const where = `seed ${seed} (${profileName ?? profiles})`;
      console.log(`the product itself fails with ${where}: ${caught ?? invalid}`);
    }
    console.log(
      `unchanged: ${results.length} seeds of ${profiles} run, ${failures} failures so far`,
    );
  }
  for (const { directed: test, fallback } of chosen) {
    const shown = test ?? fallback;
    if (shown === undefined || !(await directed(build, shown))) continue;
    failures++;
    console.log(`the product itself fails in src/${shown[0]}, "${shown[1]}"`);
  }
  return failures === 0;
}

function table(rows) {
  const escaped = (text) => text.replaceAll('|', '\\|');
  const lines = rows.map(({ name, rule, seeds, by, seconds }) => {
    return `| ${name} | ${rule} | ${seeds === 0 ? '–' : seeds} | ${escaped(by)} | ${seconds} |`;
  });
  return ['| mutant | rule | seeds | caught by | s |', '|---|---|---|---|---|', ...lines].join(
    '\n',
  );
}

try {
  copyProject(ROOT, pristine);
  console.log(`${chosen.length} mutants, seeds from ${first}, repeat with --first ${first}`);
  const rows = await all(Number(values.jobs));
  const passed = await control(rows);
  console.log(`\n${table(rows)}\n`);
  const missed = rows.filter(({ caught }) => !caught);
  console.log(`${rows.length - missed.length} caught, ${missed.length} missed`);
  process.exitCode = missed.length === 0 && passed ? 0 : 1;
} finally {
  cleanUp();
}
