import process from 'node:process';
import { parseArgs } from 'node:util';
import { loadSqlite, sha256, turn } from './platform.ts';
import { type RunReport, runSeed } from './run.ts';

const HELP = `usage: npm run sim -- [--seed N | --seeds A..B] [--hours H] [--trace] [--twice]

Runs whole nodes and clients on simulated time, network and disks. The same seed gives the same run.
  --seed N      one seed (default: drawn at random and printed)
  --seeds A..B  all seeds from A to B
  --hours H     simulated hours under faults, per seed (default 0.01)
  --trace       print what the nodes log
  --twice       run each seed twice and compare the hash of the trace`;

interface Settings {
  readonly seeds: readonly number[];
  readonly hours: number;
  readonly trace: boolean;
  readonly twice: boolean;
}

function settings(): Settings | undefined {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      hours: { type: 'string', default: '0.01' },
      trace: { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const hours = Number(values.hours);
  if (values.help || !(hours > 0)) return undefined;
  const common = { hours, trace: values.trace, twice: values.twice };
  const range = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? '');
  if (range !== null) {
    const first = Number(range[1]);
    const length = Number(range[2]) - first + 1;
    return { ...common, seeds: Array.from({ length }, (_, i) => first + i) };
  }
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
  return Number.isSafeInteger(seed) ? { ...common, seeds: [seed] } : undefined;
}

async function main(): Promise<number> {
  const chosen = settings();
  if (chosen === undefined) {
    console.log(HELP);
    return 2;
  }
  const module = loadSqlite();
  const startedAt = process.cpuUsage();
  let simulatedMs = 0;
  let failed = 0;
  for (const seed of chosen.seeds) {
    const run = (): Promise<RunReport> =>
      runSeed({
        seed,
        hours: chosen.hours,
        module,
        hash: sha256,
        turn,
        trace: chosen.trace ? (line) => console.log(line) : undefined,
      });
    try {
      const report = await run();
      simulatedMs += report.simulatedMs;
      if (chosen.twice && (await run()).traceHash !== report.traceHash) {
        throw new Error('two runs of one seed differ');
      }
      console.log(JSON.stringify(report));
    } catch (error) {
      failed++;
      console.error(`seed ${seed} failed:`, error);
      console.error(`repeat with: npm run sim -- --seed ${seed} --hours ${chosen.hours} --trace`);
    }
  }
  const { user, system } = process.cpuUsage(startedAt);
  const rate = simulatedMs / ((user + system) / 1000);
  console.log(
    `${chosen.seeds.length - failed} passed, ${failed} failed; ${rate.toFixed(0)} simulated seconds per CPU second`,
  );
  return failed === 0 ? 0 : 1;
}

process.exit(await main());
