import { type Clock, LIMITS, QuorateError, type Random, type Timer } from '../base/index.ts';
import type { SchemaEvent } from '../client/index.ts';
import type { Migrations } from './define.ts';
import type { Applied, Participant, SchemaClient } from './schema-client.ts';
import type { CodeStep, Step } from './steps.ts';

export interface ApplierOptions {
  readonly client: SchemaClient;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly random: Random;
  readonly participant: Participant;
  onEvent(event: SchemaEvent): void;
  /** Pauses between batches; ends early when the program closes. */
  sleep(ms: number): Promise<void>;
  isClosed(): boolean;
}

const CALL = { timeoutMs: 30_000 };
const HEX = 16;

/** With which the server ends the transaction of a migration in code. */
const ENDED = new Set(['TX_ABORTED', 'TRANSACTION_IDLE', 'TRANSACTION_TOO_LONG']);
/** `LIMITS.schemaStallMs`, for code. */
const STALL_MS = LIMITS.schemaStallMs;

/** Has one migration applied: a text, a backfill batch after batch, or code. */
export class Applier {
  readonly #options: ApplierOptions;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /**
   * All of it; true when this program has applied it, false when somebody else had, or a backfill was left because the program closes. Throws what it
   * failed with.
   */
  async apply(migrations: Migrations, step: Step): Promise<boolean> {
    const { client, participant, onEvent } = this.#options;
    const { namespace } = migrations;
    const claim = { migrations, participant, run: this.#runId() };
    const { name } = step;
    if (step.step === 'code') return await this.#code(migrations, step, claim.run);
    for (;;) {
      const startedAt = this.#options.clock.now();
      const result = await client.apply(step, claim, CALL);
      if (result.complete) {
        return this.#ended(namespace, name, result);
      }
      onEvent({ kind: 'batch', namespace, name, done: result.done });
      if (this.#options.isClosed()) return false;
      const pauseMs = step.step === 'batch' ? step.pauseMs : 0;
      await this.#options.sleep(pauseMs ?? this.#options.clock.now() - startedAt);
    }
  }

  #ended(namespace: string, name: string, result: Applied): boolean {
    const { onEvent } = this.#options;
    if (result.outcome === 'already') onEvent({ kind: 'superseded', namespace, name });
    else onEvent({ kind: 'committed', namespace, name, ...result });
    return result.outcome !== 'already';
  }

  async #code(migrations: Migrations, step: CodeStep, run: string): Promise<boolean> {
    const { client, participant, onEvent } = this.#options;
    const { namespace } = migrations;
    const claim = { migrations, participant, run };
    const { idleMs, name, stallMs = STALL_MS } = step;
    const { begun, open } = await client.begin(step, claim, { ...CALL, idleMs });
    if (begun.outcome === 'already') {
      open.transaction.close();
      return this.#ended(namespace, name, begun);
    }
    onEvent({ kind: 'started', namespace, name });
    try {
      await this.#within(stallMs, name, step.run(open.transaction));
      return this.#ended(namespace, name, await client.end(open, run, CALL));
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
