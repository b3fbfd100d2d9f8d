import type { ProfileName } from './profile.ts';
import type { RunReport } from './run.ts';
import type { Failure } from './shrinker.ts';

/** What became of one seed. */
export type SeedResult =
  | {
      readonly kind: 'passed';
      readonly profile: ProfileName;
      readonly report: RunReport;
      readonly cpuMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly profile: ProfileName;
      readonly seed: number;
      readonly error: string;
      readonly failure: Failure;
    };

/** A run that could have found something: long enough, disturbed, and with work done. */
const USEFUL = { simulatedMs: 30_000, faults: 1, acknowledged: 50 };

/** Adds up what many seeds gave. */
export class Campaign {
  readonly #reports: RunReport[] = [];
  readonly #failed: Extract<SeedResult, { kind: 'failed' }>[] = [];
  #cpuMs = 0;

  add(result: SeedResult): void {
    if (result.kind === 'failed') {
      this.#failed.push(result);
      return;
    }
    this.#reports.push(result.report);
    this.#cpuMs += result.cpuMs;
  }

  get passed(): number {
    return this.#reports.length;
  }

  get failed(): number {
    return this.#failed.length;
  }

  /** One line, while it goes on. */
  progress(): string {
    return `${this.passed} passed, ${this.failed} failed, ${this.#hours()} simulated hours`;
  }

  /** `repeat` gives the command that runs one seed again. */
  summary(repeat: (seed: number, profile: ProfileName) => string): string[] {
    const lines = [
      `${this.passed} passed, ${this.failed} failed; ${this.#hours()} simulated hours; ${this.#rate()}`,
    ];
    if (this.passed > 0) lines.push(...this.#distribution());
    for (const { seed, profile, error } of this.#failed) {
      lines.push(`failed: seed ${seed}: ${error.split('\n', 1)[0]}`, `  ${repeat(seed, profile)}`);
    }
    return lines;
  }

  #distribution(): string[] {
    const reports = this.#reports;
    const useful = reports.filter(
      ({ simulatedMs, faults, acknowledged }) =>
        simulatedMs >= USEFUL.simulatedMs &&
        faults >= USEFUL.faults &&
        acknowledged >= USEFUL.acknowledged,
    );
    const undecided = reports.reduce((sum, report) => sum + report.undecided, 0);
    return [
      `simulated seconds ${spread(reports.map(({ simulatedMs }) => Math.round(simulatedMs / 1000)))}`,
      `faults ${spread(reports.map(({ faults }) => faults))}`,
      `acknowledged writes ${spread(reports.map(({ acknowledged }) => acknowledged))}`,
      `${useful.length} of ${reports.length} with at least 30 s, 1 fault and 50 acknowledged writes`,
      `${undecided} histories without a verdict: the search for an order took too long`,
    ];
  }

  #hours(): string {
    return (this.#simulatedMs() / 3_600_000).toFixed(2);
  }

  #rate(): string {
    const rate = this.#simulatedMs() / Math.max(1, this.#cpuMs);
    return `${rate.toFixed(0)} simulated seconds per CPU second`;
  }

  #simulatedMs(): number {
    return this.#reports.reduce((sum, { simulatedMs }) => sum + simulatedMs, 0);
  }
}

/** Least, median and greatest. */
export function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  return `min ${sorted[0]}, median ${median}, max ${sorted[sorted.length - 1]}`;
}
