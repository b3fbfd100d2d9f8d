import { type Clock, QuorateError, type Random, type Timer } from '../base/index.ts';
import type { NamespaceReport, SchemaEvent } from '../client/index.ts';
import type { Migrations } from './define.ts';
import type { Participant, SchemaClient } from './schema-client.ts';
import type { CodeStep, Step } from './steps.ts';

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
}

/** Between two looks while the program waits, and while it serves; each drawn between half and one and a half of it. */
const WAITING_MS = 1_000;
const SERVING_MS = 5_000;
/** After an error that passes. */
const RETRY_MS = 250;
const CALL = { timeoutMs: 30_000 };
const HEX = 16;
/** How long closing waits for an answer to a registration, and then to the leaving. */
const LEAVE_MS = 2_000;

/** Waiting does not help: other code, or an operator, is needed. */
const FINAL = new Set(['SCHEMA_TOO_NEW', 'SCHEMA_DIVERGED', 'SCHEMA_EPOCH_GAP', 'BAD_MIGRATIONS']);
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
  ...['DANGLING_OBJECT', 'BACKFILL_INCOMPLETE'],
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
  readonly #waiters = new Set<(verdict: Verdict) => void>();
  /** Errors by migration that do not pass by themselves. */
  readonly #stuck = new Map<string, QuorateError>();
  #verdict: Verdict | undefined;
  #reports: readonly NamespaceReport[] = [];
  #closed = false;
  readonly #abandon = new AbortController();
  #timer: Timer | undefined;
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** What the database said last. */
  get reports(): readonly NamespaceReport[] {
    return this.#reports;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Looks at once instead of at its time. */
  poke(): void {
    this.#timer?.cancel();
    this.#wake();
  }

  /**
   * Resolves when the program may use the database. Throws what makes waiting senseless: SCHEMA_TOO_NEW, SCHEMA_DIVERGED, SCHEMA_EPOCH_GAP,
   * what a migration failed with, and CLOSED.
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
    const { client, participant, migrations, mode, onEvent } = this.#options;
    for (;;) {
      const { declaration, namespaces } = await client.register(participant, migrations, {
        ...{ ...CALL, signal: this.#abandon.signal },
      });
      client.declare(declaration);
      const changed = namespaces.some((report, i) => report.version !== this.#reports[i]?.version);
      this.#reports = namespaces;
      if (changed) {
        for (const { namespace, version } of namespaces) {
          onEvent({ kind: 'registered', namespace, version });
        }
      }
      if (mode !== 'coordinate' || !(await this.#applySome(namespaces))) break;
      if (this.#closed) return 0;
    }
    return this.#judge();
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
        if (step === undefined || this.#closed) continue;
        if (await this.#tryOne(migrations, step)) any = true;
      }
    }
    return any;
  }

  async #tryOne(migrations: Migrations, step: Step): Promise<boolean> {
    const { onEvent } = this.#options;
    const { namespace } = migrations;
    const { name } = step;
    try {
      await this.#apply(migrations, step);
      this.#stuck.delete(name);
      return true;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      if (PASSING.has(error.code)) {
        this.#stuck.delete(name);
        onEvent({ kind: 'blocked', namespace, name, error });
      } else if (FAILED.has(error.code)) {
        const told = this.#stuck.get(name)?.code === error.code;
        this.#stuck.set(name, error);
        if (!told) onEvent({ kind: 'failed', namespace, name, error });
      } else {
        // The next registration shows what became of it.
        throw error;
      }
      return false;
    }
  }

  async #apply(migrations: Migrations, step: Step): Promise<void> {
    const { client, participant, onEvent } = this.#options;
    const { namespace } = migrations;
    const claim = { migrations, participant, run: this.#runId() };
    const { name } = step;
    if (step.step === 'code') return await this.#code(migrations, step, claim.run);
    for (;;) {
      const startedAt = this.#options.clock.now();
      const result = await client.apply(step, claim, CALL);
      if (result.complete) {
        if (result.outcome === 'already') onEvent({ kind: 'superseded', namespace, name });
        else onEvent({ kind: 'committed', namespace, name, ...result });
        return;
      }
      onEvent({ kind: 'batch', namespace, name, done: result.done });
      if (this.#closed) return;
      const pauseMs = step.step === 'batch' ? step.pauseMs : 0;
      await this.#sleep(pauseMs ?? this.#options.clock.now() - startedAt);
    }
  }

  async #code(migrations: Migrations, step: CodeStep, run: string): Promise<void> {
    const { client, participant, onEvent } = this.#options;
    const { namespace } = migrations;
    const claim = { migrations, participant, run };
    const { begun, open } = await client.begin(step, claim, CALL);
    if (begun.outcome === 'already') {
      open.transaction.close();
      onEvent({ kind: 'superseded', namespace, name: step.name });
      return;
    }
    onEvent({ kind: 'started', namespace, name: step.name });
    try {
      await step.run(open.transaction);
      const result = await client.end(open, run, CALL);
      onEvent({ kind: 'committed', namespace, name: step.name, ...result });
    } catch (error) {
      open.transaction.close();
      if (error instanceof QuorateError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new QuorateError('MIGRATION_FAILED', `${step.name}: ${message}`, { cause: error });
    }
  }

  #runId(): string {
    let id = '';
    while (id.length < HEX) id += Math.floor(this.#options.random.float() * HEX).toString(HEX);
    return id;
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
        if (verdict.kind === 'refused') onEvent({ kind: 'refused', error });
        else {
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
