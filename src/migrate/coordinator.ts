import { type Clock, QuorateError, type Random, type Timer } from '../base/index.ts';
import type { NamespaceReport, SchemaEvent } from '../client/index.ts';
import { Applier } from './applier.ts';
import type { Companion, Look } from './companion.ts';
import type { Migrations } from './define.ts';
import type { Participant, SchemaClient } from './schema-client.ts';
import type { Step } from './steps.ts';

/** How a program takes part. */
export interface CoordinatorOptions {
  readonly client: SchemaClient;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly random: Random;
  readonly migrations: readonly Migrations[];
  readonly participant: Participant;
  /** 'coordinate': applies what may be applied; 'wait': leaves that to others; 'require': fails unless all is applied. */
  readonly mode: 'coordinate' | 'wait' | 'require';
  onEvent(event: SchemaEvent): void;
  /** Hooks, tasks and policies. */
  readonly companion?: Companion | undefined;
}

/** Between two looks while the program waits, and while it serves; each drawn between half and one and a half of it. */
const WAITING_MS = 1_000;
const SERVING_MS = 5_000;
/** After an error that passes. */
const RETRY_MS = 250;
const CALL = { timeoutMs: 30_000 };
/** How long closing waits for an answer to a registration, and then to the leaving. */
const LEAVE_MS = 2_000;

/** Waiting does not help: other code, or an operator, is needed. */
const FINAL = new Set([
  ...['SCHEMA_TOO_NEW', 'SCHEMA_DIVERGED', 'SCHEMA_EPOCH_GAP', 'BAD_MIGRATIONS'],
  'PARTICIPANT_CONFLICT',
  // Of a registration: a list into which something was inserted.
  'MIGRATION_OUT_OF_ORDER',
]);
/** In the way of a migration, and may pass. */
const PASSING = new Set([
  'MIGRATION_BLOCKED',
  'MIGRATION_HELD',
  'MIGRATION_OUT_OF_ORDER',
  'SCHEMA_UNREGISTERED',
]);

/** What a migration can fail with; everything else is looked at again, since its outcome may be unknown. */
const FAILED = new Set([
  ...['MIGRATION_FAILED', 'MIGRATION_INVALID', 'MIGRATION_STUCK', 'MIGRATION_TOO_LARGE'],
  ...['MIGRATION_STALL', 'MIGRATION_UNKNOWN', 'UNSAFE_MIGRATION', 'DRIFT_DETECTED'],
  ...['PRECHECK_FAILED', 'POSTCHECK_FAILED', 'ROWCOUNT_TRIPWIRE', 'FK_VIOLATION'],
  ...['DANGLING_OBJECT', 'BACKFILL_INCOMPLETE', 'CHECKSUM_MISMATCH'],
]);

type Verdict =
  | { readonly kind: 'serving' }
  | { readonly kind: 'waiting' | 'refused'; readonly error: QuorateError };

/**
 * Takes part in the migrations of a database: registers, applies what may be applied, and looks again and again. It acts on what the database says now, never on
 * what it said before, so a lost message, a race or an unknown outcome only costs another look.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #applier: Applier;
  readonly #waiters = new Set<(verdict: Verdict) => void>();
  /** Errors by migration that do not pass by themselves. */
  readonly #stuck = new Map<string, QuorateError>();
  /** Names that this program may apply although its mode leaves that to others. */
  readonly #granted = new Set<string>();
  /** Of the look that is under way. */
  #blocked: Look['blocked'][number][] = [];
  /** What the companion has not been told yet: a look may end early. */
  #applied: Look['applied'][number][] = [];
  #verdict: Verdict | undefined;
  #reports: readonly NamespaceReport[] = [];
  #silent: ReadonlyMap<string, number> = new Map();
  #closed = false;
  readonly #abandon = new AbortController();
  #timer: Timer | undefined;
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#applier = new Applier({
      ...options,
      onEvent: (event) => options.onEvent(event),
      sleep: (ms) => this.#sleep(ms),
      isClosed: () => this.#closed,
    });
  }

  /** What the database said last. */
  get reports(): readonly NamespaceReport[] {
    return this.#reports;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** May apply these, whatever its mode. */
  allow(names: Iterable<string>): void {
    for (const name of names) this.#granted.add(name);
    this.poke();
  }

  /** What a migration failed with, until it is applied. */
  failure(name: string): QuorateError | undefined {
    return this.#stuck.get(name);
  }

  /** Resolves after the next look. Throws what makes looking senseless, CLOSED and the signal's reason. */
  async looked(signal?: AbortSignal): Promise<void> {
    this.start();
    const refuse = (): void => {
      signal?.throwIfAborted();
      if (this.#verdict?.kind === 'refused') throw this.#verdict.error;
      if (this.#closed) throw new QuorateError('CLOSED', 'the schema is closed');
    };
    refuse();
    await this.#next(signal);
    refuse();
  }

  /** Looks at once instead of at its time. */
  poke(): void {
    this.#timer?.cancel();
    this.#wake();
  }

  /**
   * Resolves when the program may use the database. Throws what makes waiting senseless: SCHEMA_TOO_NEW, SCHEMA_DIVERGED, SCHEMA_EPOCH_GAP,
   * MIGRATION_OUT_OF_ORDER, what a migration failed with, and CLOSED.
   */
  async ready(signal?: AbortSignal): Promise<void> {
    this.start();
    for (;;) {
      signal?.throwIfAborted();
      const verdict = this.#verdict;
      if (verdict?.kind === 'serving') return;
      if (verdict?.kind === 'refused') throw verdict.error;
      if (this.#closed) throw new QuorateError('CLOSED', 'the schema is closed');
      await this.#next(signal);
    }
  }

  #next(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal?.addEventListener('abort', done);
    });
  }

  /** Stops taking part; the participant leaves, so that nobody waits for it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.companion?.close();
    this.poke();
    this.#settle(this.#verdict);
    const { client, participant, clock } = this.#options;
    // Without a leader a registration would keep its program from ending for as long as a call may take.
    const late = clock.after(LEAVE_MS, () => this.#abandon.abort());
    await this.#running;
    late.cancel();
    await client.leave(participant, { timeoutMs: LEAVE_MS }).catch(passing);
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      let waitMs = RETRY_MS;
      try {
        waitMs = await this.#look();
      } catch (error) {
        if (this.#abandon.signal.aborted) return;
        if (!(error instanceof QuorateError)) throw error;
        if (FINAL.has(error.code)) {
          this.#settle({ kind: 'refused', error });
          waitMs = SERVING_MS;
        } else this.#settle({ kind: 'waiting', error });
      }
      await this.#sleep(waitMs);
    }
  }

  #sleep(meanMs: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#options.clock.after(
        meanMs * (0.5 + this.#options.random.float()),
        resolve,
      );
    });
  }

  /** One look: registers, applies what it can; returns when to look again. */
  async #look(): Promise<number> {
    const { client, participant, migrations, onEvent } = this.#options;
    this.#blocked = [];
    for (;;) {
      const { declaration, namespaces, silent } = await client.register(participant, migrations, {
        ...{ ...CALL, signal: this.#abandon.signal },
      });
      client.declare(declaration);
      const before = this.#reports;
      this.#reports = namespaces;
      this.#silent = silent;
      for (const [i, { namespace, version, generation }] of namespaces.entries()) {
        if (before[i]?.generation === generation && before[i]?.version === version) continue;
        onEvent({ kind: 'registered', namespace, version, generation });
      }
      if (!(await this.#applySome(namespaces))) break;
      this.#blocked = [];
      if (this.#closed) return 0;
    }
    const serving = this.#reports.every(({ canServe }) => canServe);
    // Nothing beside migrations keeps those waiting who may serve.
    if (serving) this.#judge();
    const applied = this.#applied;
    this.#applied = [];
    const refusal = await this.#options.companion?.afterLook({
      ...{ reports: this.#reports, serving, blocked: this.#blocked, applied },
      silent: this.#silent,
    });
    if (serving) return SERVING_MS;
    if (refusal === undefined) return this.#judge();
    this.#settle({ kind: 'refused', error: refusal });
    return WAITING_MS;
  }

  #judge(): number {
    const waiting = this.#reports.find(({ canServe }) => !canServe);
    if (waiting === undefined) {
      this.#settle({ kind: 'serving' });
      return SERVING_MS;
    }
    const { code, reason, namespace, pending } = waiting;
    const error = new QuorateError(code, `namespace ${namespace}: ${reason}`, { retryable: true });
    const stuck = pending.map((name) => this.#stuck.get(name)).find((found) => found !== undefined);
    if (stuck !== undefined) this.#settle({ kind: 'refused', error: stuck });
    else if (this.#options.mode === 'require') this.#settle({ kind: 'refused', error });
    else this.#settle({ kind: 'waiting', error });
    return WAITING_MS;
  }

  /** True when something was applied, so that more may be possible. */
  async #applySome(namespaces: readonly NamespaceReport[]): Promise<boolean> {
    let any = false;
    for (const { namespace, pending } of namespaces) {
      const migrations = this.#options.migrations.find((each) => each.namespace === namespace);
      if (migrations === undefined) continue;
      for (const name of pending) {
        const step = migrations.step(name);
        const may = this.#options.mode === 'coordinate' || this.#granted.has(name);
        if (step === undefined || this.#closed || !may) continue;
        if (await this.#tryOne(migrations, step)) any = true;
      }
    }
    return any;
  }

  async #tryOne(migrations: Migrations, step: Step): Promise<boolean> {
    const { onEvent, companion } = this.#options;
    const { namespace } = migrations;
    const { name } = step;
    try {
      const reason = await companion?.beforeAttempt(migrations, step);
      if (reason === 'later') return false;
      if (reason !== undefined) throw reason;
      if (await this.#applier.apply(migrations, step)) this.#applied.push({ namespace, name });
      this.#stuck.delete(name);
      return true;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      if (PASSING.has(error.code)) {
        this.#stuck.delete(name);
        this.#blocked.push({ namespace, name, error });
        onEvent({ kind: 'blocked', namespace, name, error });
      } else if (FAILED.has(error.code)) {
        const told = this.#stuck.get(name)?.code === error.code;
        this.#stuck.set(name, error);
        if (!told) this.#tellFailure({ namespace, name, error });
      } else {
        // The next registration shows what became of it.
        throw error;
      }
      return false;
    }
  }

  #tellFailure(failed: Look['blocked'][number]): void {
    const { onEvent } = this.#options;
    onEvent({ kind: 'failed', ...failed });
    if (failed.error.code === 'DRIFT_DETECTED') onEvent({ kind: 'drift', ...failed });
    if (failed.error.code === 'MIGRATION_STUCK') onEvent({ kind: 'stuck', ...failed });
  }

  #settle(verdict: Verdict | undefined): void {
    const before = this.#verdict;
    this.#verdict = verdict;
    const { onEvent } = this.#options;
    if (verdict?.kind === 'serving' && before?.kind !== 'serving') {
      for (const { namespace, version } of this.#reports) {
        onEvent({ kind: 'serving', namespace, version });
      }
    } else if (verdict !== undefined && verdict.kind !== 'serving') {
      const same = before !== undefined && before.kind !== 'serving';
      if (!same || before.error.message !== verdict.error.message) {
        const { error } = verdict;
        if (verdict.kind === 'refused') {
          if (before?.kind === 'serving') onEvent({ kind: 'fenced', error });
          onEvent({ kind: 'refused', error });
        } else {
          const namespace = this.#reports.find(({ canServe }) => !canServe)?.namespace ?? '';
          onEvent({ kind: 'waiting', namespace, code: error.code, reason: error.message });
        }
      }
    }
    for (const waiter of [...this.#waiters]) if (verdict !== undefined) waiter(verdict);
  }
}

/** An error that may be left alone. */
function passing(error: unknown): void {
  if (!(error instanceof QuorateError)) throw error;
}
