import { QuorateError } from '../base/index.ts';
import type { SchemaHook, SchemaHooks } from '../client/index.ts';
import { BackgroundJobs } from './background-jobs.ts';
import type { Companion, Look } from './companion.ts';
import type { Migrations } from './define.ts';
import { PolicyKeeper, type PolicyKeeperOptions } from './policy-keeper.ts';
import { RecordedWork, type RecordedWorkOptions } from './recorded-work.ts';
import type { Step } from './steps.ts';

export interface SchemaCompanionOptions
  extends Omit<RecordedWorkOptions, 'clock'>,
    PolicyKeeperOptions {
  readonly hooks: SchemaHooks;
}

type HookName = 'beforeAll' | 'afterAll' | 'before' | 'onReady';

/** Hooks, tasks and policies of a program. */
export class SchemaCompanion implements Companion {
  readonly #options: SchemaCompanionOptions;
  readonly #jobs = new BackgroundJobs();
  readonly #work: RecordedWork;
  readonly #policies: PolicyKeeper;
  /** Counts the times that this program has applied something; the last of them has an `afterAll` to come. */
  #series = 0;

  constructor(options: SchemaCompanionOptions) {
    this.#options = options;
    this.#work = new RecordedWork(options, this.#jobs);
    this.#policies = new PolicyKeeper(options);
  }

  async beforeAttempt(
    migrations: Migrations,
    step: Step,
  ): Promise<QuorateError | 'later' | undefined> {
    await this.#policies.set();
    const soaks = await this.#policies.soaks(migrations, step);
    if (soaks !== undefined) return soaks;
    const { beforeAll } = this.#options.hooks;
    if (!this.#hasRun('beforeAll', beforeAll, 'beforeAll')) return 'later';
    const { name } = step;
    const key = `before ${migrations.namespace} ${name}`;
    return this.#hasRun(key, step.hooks?.before, 'before', name) ? undefined : 'later';
  }

  async afterLook(look: Look): Promise<QuorateError | undefined> {
    const { hooks } = this.#options;
    if (look.serving) this.#hasRun('onReady', hooks.onReady, 'onReady');
    if (look.applied.length > 0) this.#series++;
    if (this.#series > 0) this.#hasRun(`afterAll ${this.#series}`, hooks.afterAll, 'afterAll');
    try {
      await this.#policies.set();
      await this.#work.look(look);
      return await this.#policies.look(look);
    } catch (error) {
      if (error instanceof QuorateError) return undefined;
      throw error;
    }
  }

  /** True when it has succeeded or there is none; otherwise it is begun. */
  #hasRun(key: string, hook: SchemaHook | undefined, which: HookName, name = ''): boolean {
    if (hook === undefined || this.#jobs.isDone(key)) return true;
    const { onEvent, poke } = this.#options;
    this.#jobs.start(
      key,
      (signal) => hook({ signal }),
      (error) => {
        onEvent({ kind: 'hook', hook: which, name, ...(error && { error }) });
        if (error === undefined && which.startsWith('before')) poke();
      },
    );
    return false;
  }

  close(): void {
    this.#jobs.close();
  }
}
