import { type Outcome, QuorateError } from '../base/index.ts';

/** What faults may cause. Any other error is a defect of a client or of a node. */
const EXPECTED: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'DISK_FULL',
  'LEADERSHIP_LOST',
  'LEADERSHIP_TRANSFER',
  'NODE_STOPPED',
  'NOT_LEADER',
  'OUTCOME_UNKNOWN',
  'OVERLOADED',
  'SQLITE_BUSY',
  'TIMEOUT',
  'TX_ABORTED',
  'WRITE_QUEUE_TIMEOUT',
]);

/** True for an error that faults may cause. */
export function isExpected(error: unknown): error is QuorateError {
  if (!(error instanceof QuorateError)) return false;
  // A plain dqlite server has no other word for a write whose end it does not know.
  return EXPECTED.has(error.code) || (error.code === 'SQLITE_IOERR' && error.outcome === 'unknown');
}

/**
 * A leader of C dqlite 1.11 that has just started may prepare a statement before it has applied its log; it had no effect. Our own nodes always
 * say what became of a statement, so an error that does not is never theirs.
 */
function isOfUnappliedLog(error: unknown): boolean {
  if (!(error instanceof QuorateError) || error.code !== 'SQLITE_ERROR') return false;
  return error.outcome === undefined && error.message.startsWith('no such table');
}

/** A write that was acknowledged. */
interface Acknowledged {
  readonly beganMs: number;
  readonly endedMs: number;
}

/** What writers of one table of unique ids were told. */
export class Ledger {
  readonly acknowledged = new Map<number, Acknowledged>();
  readonly rolledBack = new Set<number>();
  readonly unknown = new Set<number>();
  readonly errors = new Map<string, number>();
  readonly anomalies: string[] = [];
  reads = 0;
  readonly #withCNodes: boolean;
  /** Called at once for each acknowledgement. */
  onAcknowledge: (() => void) | undefined;
  #lastId = 0;

  /** `withCNodes`: what only C nodes answer is expected too. */
  constructor({ withCNodes = false }: { readonly withCNodes?: boolean } = {}) {
    this.#withCNodes = withCNodes;
  }

  nextId(): number {
    return ++this.#lastId;
  }

  acknowledge(id: number, beganMs: number): void {
    this.acknowledged.set(id, { beganMs, endedMs: performance.now() });
    this.onAcknowledge?.();
  }

  /** Keeps the fate that an error tells of. `committing`: false when COMMIT was not sent, so that nothing can have happened. */
  fail(id: number, error: unknown, committing = true): void {
    this.count(error);
    const told: Outcome | undefined = error instanceof QuorateError ? error.outcome : 'unknown';
    const outcome = committing ? told : 'rolled-back';
    if (outcome === 'committed') this.acknowledged.set(id, { beganMs: 0, endedMs: 0 });
    else if (outcome === 'rolled-back') this.rolledBack.add(id);
    else this.unknown.add(id);
  }

  /** Counts an error by its code; one that faults do not explain is an anomaly. */
  count(error: unknown): void {
    const code = error instanceof QuorateError ? error.code : String(error);
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
    if (this.#withCNodes && isOfUnappliedLog(error)) return;
    if (!isExpected(error)) this.anomalies.push(`unexpected error: ${describe(error)}`);
  }

  /** The newest ids that were acknowledged by now. */
  newest(count: number): number[] {
    return [...this.acknowledged.keys()].slice(-count);
  }

  /** When the first write that began after this moment was acknowledged. */
  firstAfter(ms: number): number | undefined {
    for (const { beganMs, endedMs } of this.acknowledged.values()) {
      if (beganMs >= ms) return endedMs;
    }
    return undefined;
  }

  /** The longest time between two acknowledgements. */
  longestGap(): { readonly ms: number; readonly endedMs: number } {
    let longest = { ms: 0, endedMs: 0 };
    let previousMs: number | undefined;
    for (const { endedMs } of this.acknowledged.values()) {
      if (previousMs !== undefined && endedMs - previousMs > longest.ms) {
        longest = { ms: endedMs - previousMs, endedMs };
      }
      previousMs = endedMs;
    }
    return longest;
  }

  /** Compares with what is stored in the end. */
  check(stored: ReadonlySet<number>): string[] {
    const findings: string[] = [];
    for (const id of this.acknowledged.keys()) {
      if (!stored.has(id)) findings.push(`lost write: ${id} was acknowledged and is gone`);
    }
    for (const id of this.rolledBack) {
      if (stored.has(id)) findings.push(`wrong outcome: ${id} was rolled back and is stored`);
    }
    for (const id of stored) {
      if (!this.acknowledged.has(id) && !this.unknown.has(id)) {
        findings.push(`${id} is stored and nobody was told so`);
      }
    }
    return findings;
  }
}

function describe(error: unknown): string {
  if (error instanceof QuorateError)
    return `${error.code} (${error.outcome ?? 'no outcome'}): ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
