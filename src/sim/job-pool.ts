import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SeedResult } from './campaign.ts';
import type { SeedJob } from './seed-job.ts';
import { symptomOf } from './symptom.ts';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** A process is replaced after so many seeds, so that nothing can pile up in it. */
const SEEDS_PER_PROCESS = 500;

/** One process that runs seeds; another takes its place when it dies, hangs or has run many. */
export class JobRunner {
  #child: ChildProcess | undefined;
  #runs = 0;

  /** Never rejects: a process that dies, or is not done after `limitMs`, is a failure of the seed. */
  run(job: SeedJob, limitMs: number): Promise<SeedResult> {
    // One that died between two seeds fails neither of them.
    const gone = this.#child?.connected === false;
    if (gone || this.#runs >= SEEDS_PER_PROCESS) this.close();
    this.#child ??= fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const child = this.#child;
    this.#runs++;
    return new Promise((resolve) => {
      const settle = (result: SeedResult): void => {
        clearTimeout(timer);
        child.removeAllListeners();
        // What fails to reach a process that is gone is no matter of this one, and an error that nobody hears ends it.
        child.on('error', () => undefined);
        resolve(result);
      };
      const fail = (error: string): void => {
        this.close();
        const failure = { symptom: symptomOf(error), atMs: Number.POSITIVE_INFINITY };
        settle({ kind: 'failed', seed: job.seed, profile: job.profile, error, failure });
      };
      const timer = setTimeout(() => fail(`no end after ${limitMs / 1000} s`), limitMs);
      child.on('message', (result: SeedResult) => settle(result));
      child.on('error', (error) => fail(`its process: ${error.message}`));
      child.on('exit', (code, signal) => fail(`its process ended: ${signal ?? code}`));
      child.send(job);
    });
  }

  close(): void {
    this.#child?.removeAllListeners();
    this.#child?.on('error', () => undefined);
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#runs = 0;
  }
}
