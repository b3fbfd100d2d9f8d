import type { QuorateError } from '../base/index.ts';
import type { NamespaceReport } from '../client/index.ts';
import type { Migrations } from './define.ts';
import type { Step } from './steps.ts';

/** A migration of one namespace. */
export interface MigrationName {
  readonly namespace: string;
  readonly name: string;
}

/** What one look of the coordinator has found and done. */
export interface Look {
  readonly reports: readonly NamespaceReport[];
  readonly serving: boolean;
  /** Nodes of which the leader hears nothing, and for how long, in ms. */
  readonly silent: ReadonlyMap<string, number>;
  /** What the database refused to begin. */
  readonly blocked: readonly (MigrationName & { readonly error: QuorateError })[];
  /** What this program has applied. */
  readonly applied: readonly MigrationName[];
}

/** What happens around migrations, beside them: hooks, tasks, policies. Throws nothing but QuorateError. */
export interface Companion {
  /** Whether an attempt may begin; an error says why not yet, 'later' that it is being prepared. */
  beforeAttempt(migrations: Migrations, step: Step): Promise<QuorateError | 'later' | undefined>;
  /** An error keeps a program that waits from starting. */
  afterLook(look: Look): Promise<QuorateError | undefined>;
  close(): void;
}
