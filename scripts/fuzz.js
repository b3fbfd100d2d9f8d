// Fuzzes until the time is over: npm run fuzz -- --minutes 10 --target client-requests --seed 5
import { spawn } from 'node:child_process';
import process from 'node:process';
import { parseArgs } from 'node:util';

/** Without a new line for so long a round hangs. */
const SILENT_MS = 120_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    target: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const environment = {
  ...process.env,
  NO_COLOR: '1',
  FUZZ_SECONDS: String(Number(values.minutes) * 60),
  FUZZ_SEED: values.seed,
  ...(values.target === undefined ? {} : { FUZZ_TARGET: values.target }),
};
const child = spawn('npx', ['vitest', 'run', '--config', 'test/fuzz/vitest.config.ts'], {
  env: environment,
  stdio: ['ignore', 'pipe', 'inherit'],
  detached: true,
});
let last = '';
let heardAt = Date.now();
child.stdout.on('data', (chunk) => {
  heardAt = Date.now();
  for (const line of String(chunk).split('\n')) {
    if (/^\S+ --seed \d+$/.test(line)) last = line;
    else if (line !== '') console.log(line);
  }
});
const watch = setInterval(() => {
  if (Date.now() - heardAt < SILENT_MS || child.pid === undefined) return;
  console.log(`HANGS: npm run fuzz -- --target ${last}`);
  process.exitCode = 1;
  process.kill(-child.pid, 'SIGKILL');
}, 1000);
child.on('close', (code) => {
  clearInterval(watch);
  console.log(`fuzzed until ${last}`);
  process.exitCode ||= code ?? 1;
});
