import { randomInt } from 'node:crypto';
import process from 'node:process';
import { CASES, runDirected } from './directed/run-directed.ts';
import { type ChaosOptions, HELP, parseOptions } from './options.ts';
import { RandomRun } from './random-run.ts';
import { reportLines } from './report.ts';
import { canMount } from './small-disk.ts';
import { Stage } from './stage.ts';

const FINDINGS_SHOWN = 40;

const startedMs = performance.now();

function say(text: string): void {
  console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(7)}  ${text}`);
}

async function random(options: ChaosOptions): Promise<boolean> {
  const { seed, nodes, cNodes, faults } = options;
  const withDisks = faults.has('disk');
  if (withDisks && !canMount()) say('no disk is filled: that needs root and mount');
  const stage = Stage.make({
    ...options,
    roles: seed % 2 === 0 ? 'auto' : 'manual',
    diskMegabytes: withDisks ? options.diskMegabytes : undefined,
  });
  say(`seed ${seed}, ${nodes} nodes${cNodes > 0 ? ` (${cNodes} of C)` : ''}, in ${stage.root}`);
  let good = false;
  try {
    const report = await new RandomRun(stage.fleet, options, say).run();
    const anomalies = [...report.anomalies, ...stage.findings];
    for (const line of reportLines({ ...report, anomalies }, startedMs)) console.log(line);
    for (const text of stage.excused) console.log(`of a C node: ${text}`);
    good = anomalies.length === 0;
  } finally {
    await stage.close(options.keep || !good);
    if (!good) console.log(`data and logs are in ${stage.root}`);
  }
  return good;
}

async function directed(name: string, threads: boolean): Promise<boolean> {
  const chosen = CASES.filter((candidate) => name === '' || candidate.name === name);
  if (chosen.length === 0) {
    console.error(`chaos: no case "${name}"; there are ${CASES.map((one) => one.name).join(', ')}`);
    return false;
  }
  let good = true;
  for (const one of chosen) {
    say(`${one.name}: ${one.summary}`);
    const { findings, root } = await runDirected(one, threads, (text) => say(`  ${text}`));
    say(findings.length === 0 ? '  ok' : `  FAILED; data and logs are in ${root}`);
    for (const finding of findings.slice(0, FINDINGS_SHOWN)) console.log(`    ${finding}`);
    good &&= findings.length === 0;
  }
  return good;
}

function interrupt(code: number): void {
  Stage.destroyAll();
  process.exit(code);
}

async function main(): Promise<number> {
  let options: ChaosOptions;
  try {
    options = parseOptions(process.argv.slice(2), randomInt(2 ** 32));
  } catch (error) {
    console.error(`chaos: ${error instanceof Error ? error.message : error}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  process.once('SIGINT', () => interrupt(130));
  process.once('SIGTERM', () => interrupt(143));
  const good =
    options.directed === undefined
      ? await random(options)
      : await directed(options.directed, options.threads);
  return good ? 0 : 1;
}

process.exitCode = await main();
