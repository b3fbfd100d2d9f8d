import { type Clock, LIMITS, QuorateError, type Random, type Timer } from '../base/index.ts';
import type { NamespaceReport, SchemaEvent } from '../client/index.ts';
import type { Companion, Look } from './companion.ts';
import type { Migrations } from './define.ts';
import type { Applied, Participant, SchemaClient } from './schema-client.ts';
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
  /** Hooks, tasks and policies. */
  readonly companion?: Companion | undefined;
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
const FINAL = new Set([
  ...['SCHEMA_TOO_NEW', 'SCHEMA_DIVERGED', 'SCHEMA_EPOCH_GAP', 'BAD_MIGRATIONS'],
  'PARTICIPANT_CONFLICT',
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

/** With which the server ends the transaction of a migration in code. */
const ENDED = new Set(['TX_ABORTED', 'TRANSACTION_IDLE', 'TRANSACTION_TOO_LONG']);
/** `LIMITS.schemaStallMs`, for code. */
const STALL_MS = LIMITS.schemaStallMs;

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
  /** Names that this program may apply although its mode leaves that to others. */
  readonly #granted = new Set<string>();
  /** Of the look that is under way. */
  #blocked: Look['blocked'][number][] = [];
  /** What the companion has not been told yet: a look may end early. */
  #applied: Look['applied'][number][] = [];
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
      const { declaration, namespaces } = await client.register(participant, migrations, {
        ...{ ...CALL, signal: this.#abandon.signal },
      });
      client.declare(declaration);
      const before = this.#reports;
      this.#reports = namespaces;
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
      await this.#apply(migrations, step);
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
        else this.#committed(namespace, name, result);
        return;
      }
      onEvent({ kind: 'batch', namespace, name, done: result.done });
      if (this.#closed) return;
      const pauseMs = step.step === 'batch' ? step.pauseMs : 0;
      await this.#sleep(pauseMs ?? this.#options.clock.now() - startedAt);
    }
  }

  #committed(namespace: string, name: string, result: Applied): void {
    this.#applied.push({ namespace, name });
    this.#options.onEvent({ kind: 'committed', namespace, name, ...result });
  }

  async #code(migrations: Migrations, step: CodeStep, run: string): Promise<void> {
    const { client, participant, onEvent } = this.#options;
    const { namespace } = migrations;
    const claim = { migrations, participant, run };
    const { idleMs, name, stallMs = STALL_MS } = step;
    const { begun, open } = await client.begin(step, claim, { ...CALL, idleMs });
    if (begun.outcome === 'already') {
      open.transaction.close();
      onEvent({ kind: 'superseded', namespace, name });
      return;
    }
    onEvent({ kind: 'started', namespace, name });
    try {
      await this.#within(stallMs, name, step.run(open.transaction));
      this.#committed(namespace, name, await client.end(open, run, CALL));
    } catch (error) {
      open.transaction.close();
      if (error instanceof QuorateError) throw codeFailure(name, error);
      const message = error instanceof Error ? error.message : String(error);
      throw new QuorateError('MIGRATION_FAILED', `${name}: ${message}`, { cause: error });
    }
  }

  /** Writers wait for code as for any migration: not longer than it says. */
  async #within(stallMs: number, name: string, running: Promise<void>): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.#options.clock.after(stallMs, () =>
        reject(
          new QuorateError(
            'MIGRATION_STALL',
            `${name} kept all writers waiting for more than ${stallMs} ms and was rolled back: do it in batches, or allow more (stallMs)`,
          ),
        ),
      );
    });
    try {
      await Promise.race([running, late]);
    } finally {
      timer?.cancel();
      // What it still throws afterwards is told nobody.
      running.catch(() => undefined);
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

/** The server ends the transaction of code that sends nothing, or takes too long. */
function codeFailure(name: string, error: QuorateError): QuorateError {
  // Retryable: the leader went, and the code is not to blame.
  if (!ENDED.has(error.code) || error.retryable) return error;
  return new QuorateError(
    'MIGRATION_STALL',
    `${name}: ${error.message}: its code sends the next statement in time (idleMs), or does something else before`,
    { cause: error },
  );
}

/** An error that may be left alone. */
function passing(error: unknown): void {
  if (!(error instanceof QuorateError)) throw error;
}
