import process from 'node:process';
import { contest, type Run } from './contest.ts';
import { rateOf } from './figures.ts';
import { type BenchOptions, benchOptions } from './options.ts';
import { probed, type Sample } from './probe.ts';
import type { Outcome } from './report.ts';
import { short } from './report.ts';
import type { Row } from './rows.ts';
import { type Collected, save } from './save.ts';
import { Stage } from './stage.ts';

function told(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function measured(row: Row, stage: Stage, options: BenchOptions): Promise<Outcome> {
  const { seconds } = options.scale;
  const failed = new Map<string, string>();
  let results: Outcome['results'] = [];
  try {
    const contestants = await row.contestants(stage, { seconds, warmUpSeconds: seconds / 2 });
    const ran = (name: string, run: Run): void =>
      told(`  ${row.id} ${name}: ${short(rateOf(run.figures))} each second`);
    const fell = (name: string, reason: string): void => {
      failed.set(name, reason);
      told(`  ${row.id} ${name} failed: ${reason}`);
    };
    results = await contest(contestants, options.rounds, stage.directory, ran, fell);
    await row.after?.(stage);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    for (const name of row.who) failed.set(name, text);
    told(`  ${row.id} failed: ${text}`);
  }
  const absent = row.who
    .filter((name) => failed.has(name) || !results.some((result) => result.name === name))
    .map((name) => `${name}: not run: ${failed.get(name) ?? stage.whyAbsent(name)}`);
  return { row, results, absent };
}

async function everything(
  stage: Stage,
  options: BenchOptions,
  collected: Collected,
  within: <T>(work: Promise<T>) => Promise<T>,
): Promise<void> {
  for (const row of options.rows) {
    collected.outcomes.push(await within(measured(row, stage, options)));
    save(options, collected);
  }
  for (const probe of options.probes) {
    const ran = (name: string, { value }: Sample): void =>
      told(`  ${probe.id} ${name}: ${short(value)} ${probe.unit}`);
    const finding = probed(probe, stage, options.scale, options.rounds, ran);
    collected.findings.push(await within(finding));
    save(options, collected);
  }
}

async function main(): Promise<void> {
  const options = benchOptions();
  if (options === undefined) return;
  const stage = new Stage(options.directory, options.peers, told);
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => reject(new Error(`ended by ${signal}`)));
    }
  });
  interrupted.catch(() => undefined);
  const within = async <T>(work: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const ends = (): void => reject(new Error(`a row took over ${options.limitSeconds} s`));
      timer = setTimeout(ends, options.limitSeconds * 1_000);
    });
    return await Promise.race([work, interrupted, late]).finally(() => clearTimeout(timer));
  };
  const collected: Collected = { outcomes: [], findings: [], settings: [] };
  try {
    await everything(stage, options, collected, within);
  } finally {
    const settings = await within(stage.settings()).catch(() => []);
    collected.settings.push(...settings);
    process.stdout.write(save(options, collected));
    await stage.close();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    told(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
