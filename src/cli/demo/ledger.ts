import { type Outcome, QuorateError } from '../../base/index.ts';

/** What clients were told about each fresh id that they tried to write, exactly once each. */
export class Ledger {
  readonly acknowledged = new Set<number>();
  readonly rolledBack = new Set<number>();
  readonly unknown = new Set<number>();
  readonly errors = new Map<string, number>();
  /** Times of acknowledgements, in ms of performance.now(). */
  lastAcknowledgedAt = 0;
  longestGapMs = 0;

  /** The write of these ids was acknowledged now. */
  acknowledge(ids: readonly number[], now: number): void {
    for (const id of ids) this.acknowledged.add(id);
    if (this.lastAcknowledgedAt > 0) {
      this.longestGapMs = Math.max(this.longestGapMs, now - this.lastAcknowledgedAt);
    }
    this.lastAcknowledgedAt = now;
  }

  /** The write of these ids failed; its outcome decides where they belong. */
  fail(ids: readonly number[], error: unknown): Outcome {
    const outcome = outcomeOf(error);
    const code = error instanceof QuorateError ? error.code : String(error);
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
    const set = outcome === 'unknown' ? this.unknown : this.rolledBack;
    for (const id of ids) set.add(id);
    return outcome;
  }

  /** Compares with what is stored; each finding is a broken promise. */
  check(stored: ReadonlySet<number>): string[] {
    const findings: string[] = [];
    for (const id of this.acknowledged) {
      if (!stored.has(id)) findings.push(`acknowledged but not stored: ${id}`);
    }
    for (const id of stored) {
      if (!this.acknowledged.has(id) && !this.unknown.has(id)) {
        findings.push(`stored but neither acknowledged nor unknown: ${id}`);
      }
    }
    for (const id of this.rolledBack) {
      if (stored.has(id)) findings.push(`rolled back but stored: ${id}`);
    }
    return findings;
  }
}

/** A failure that says nothing counts as unknown: the demo must not claim more than it was told. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof QuorateError && error.outcome !== undefined) return error.outcome;
  return 'unknown';
}
