#!/usr/bin/env node
import { existsSync } from 'node:fs';
import process from 'node:process';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  const { main: run } = await import(main.href);
  process.exitCode = await run(process.argv.slice(2));
} else {
  console.error('quorate: not built yet; run "npm run build" first');
  process.exitCode = 1;
}
