// Runs the tests and closes with one plain line that every reader of logs understands.
import { spawn } from 'node:child_process';
import process from 'node:process';

const child = spawn('npx', ['vitest', 'run', ...process.argv.slice(2)], {
  env: { ...process.env, NO_COLOR: '1' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let output = '';
child.stdout.on('data', (chunk) => {
  output += chunk;
  process.stdout.write(chunk);
});
child.on('close', (code) => {
  const line = output.match(/^\s*Tests\s+(.*)$/m)?.[1] ?? '';
  const count = (word) => Number(line.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0);
  const failed = code !== 0 && count('failed') === 0 ? 1 : count('failed');
  console.log(`${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`);
  process.exit(code ?? 1);
});
