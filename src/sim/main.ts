import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { Campaign, type SeedResult } from './campaign.ts';
import { JobRunner } from './job-pool.ts';
import { loadSqlite, sha256, turn } from './platform.ts';
import type { ProfileName } from './profile.ts';
import { runJob, type SeedJob } from './seed-job.ts';
import { HELP, parseSettings, type Settings } from './settings.ts';
import { command, planLines, shrinkSeed } from './shrink-seed.ts';

const PROGRESS_MS = 10_000;
/** Real time for one simulated hour of a seed, and for what every seed costs, on the slowest of machines. */
const LIMIT_MS_PER_HOUR = 3_600_000;
const LIMIT_MS = 300_000;

/** Runs the seeds of one command line. */
class Main {
  readonly #settings: Settings;
  readonly #campaign = new Campaign();
  readonly #startedAt = performance.now();
  readonly #runners: JobRunner[] = [];
  #next = 0;
  #stopped = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async run(): Promise<number> {
    const { jobs, count } = this.#settings;
    if (this.#settings.plan || this.#settings.shrink) return this.#one();
    process.on('SIGINT', () => this.#interrupted());
    const progress = setInterval(() => console.error(this.#campaign.progress()), PROGRESS_MS);
    if (count > 1) console.error(`SEED=${this.#settings.first} COMMIT=${commit()}`);
    if (jobs === 1) await this.#inThisProcess();
    else await Promise.all(Array.from({ length: Math.min(jobs, count) }, () => this.#inAnother()));
    clearInterval(progress);
    return this.#end();
  }

  /** The next seed; undefined when there is none, or it is time to end. */
  #take(): SeedJob | undefined {
    const { count, minutes, stop } = this.#settings;
    const late = performance.now() - this.#startedAt > minutes * 60_000;
    if (this.#stopped || late || this.#next >= count) return undefined;
    if (stop && this.#campaign.failed > 0) return undefined;
    return this.#job(this.#next++);
  }

  #job(number: number): SeedJob {
    const { first, hours, profiles, reduction, twice } = this.#settings;
    const profile = profiles[number % profiles.length];
    return { seed: first + number, hours, profile, reduction, twice };
  }

  /** Prints the plan of the first seed, or shrinks it: then each run has a process that may hang or die. */
  async #one(): Promise<number> {
    const job = this.#job(0);
    const print = (line: string): void => console.log(line);
    if (this.#settings.plan) for (const line of planLines(job)) print(line);
    if (!this.#settings.shrink) return 0;
    const runner = new JobRunner();
    this.#runners.push(runner);
    const platform = { module: loadSqlite(), hash: sha256, turn };
    const apart = (each: SeedJob): Promise<SeedResult> => runner.run(each, this.#limitMs());
    const traced = (each: SeedJob, trace: (line: string) => void): Promise<SeedResult> =>
      runJob(each, platform, trace);
    const failed = await shrinkSeed(job, this.#settings.runs, { apart, traced }, print);
    runner.close();
    return failed ? 1 : 0;
  }

  #limitMs(): number {
    return LIMIT_MS + this.#settings.hours * LIMIT_MS_PER_HOUR;
  }

  async #inThisProcess(): Promise<void> {
    const platform = { module: loadSqlite(), hash: sha256, turn };
    const trace = this.#settings.trace ? (line: string) => console.log(line) : undefined;
    // Errors are made by the thousand, and their stacks cost a fifth of the time.
    if (!this.#settings.trace) Error.stackTraceLimit = 0;
    for (let job = this.#take(); job !== undefined; job = this.#take()) {
      this.#took(await runJob(job, platform, trace));
      // A run never leaves the turn of the event loop that it began in: signals and timers have theirs here.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #inAnother(): Promise<void> {
    const runner = new JobRunner();
    this.#runners.push(runner);
    for (let job = this.#take(); job !== undefined; job = this.#take()) {
      this.#took(await runner.run(job, this.#limitMs()));
    }
  }

  #took(result: SeedResult): void {
    const { json, count, results } = this.#settings;
    this.#campaign.add(result);
    const { profile } = result;
    const told = result.kind === 'passed' ? { ...result.report, profile } : result;
    const line = JSON.stringify(told);
    if (results !== undefined) appendFileSync(results, `${line}\n`);
    if (json || count === 1) console.log(line);
    if (result.kind === 'failed') {
      console.error(
        `seed ${result.seed} failed: ${result.error}\n  ${this.#repeat(result.seed, profile)}`,
      );
    }
  }

  #repeat(seed: number, profile: ProfileName): string {
    const { hours, reduction, twice } = this.#settings;
    return `${command({ seed, profile, hours, reduction, twice })} --trace`;
  }

  /** The first time: no new seed is begun. The second time: now. */
  #interrupted(): void {
    if (this.#stopped) process.exit(this.#end());
    this.#stopped = true;
    console.error('ending with the seeds that run; once more to end at once');
  }

  #end(): number {
    for (const runner of this.#runners) runner.close();
    for (const line of this.#campaign.summary((seed, profile) => this.#repeat(seed, profile)))
      console.log(line);
    return this.#campaign.failed === 0 ? 0 : 1;
  }
}

/** So that a seed can be repeated on the code that it failed on. */
function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

const settings = parseSettings(
  process.argv.slice(2),
  Math.floor(Math.random() * 2 ** 32),
  availableParallelism(),
);
if (settings === undefined) console.log(HELP);
process.exit(settings === undefined ? 2 : await new Main(settings).run());
