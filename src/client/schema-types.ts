import type { SchemaEvent } from './schema-events.ts';
import type { Finding, NamespaceStatus, Wait } from './schema-status-types.ts';

/** The migrations of one namespace, made by `defineMigrations`. */
export interface DeclaredMigrations {
  readonly namespace: string;
}

/** How a program takes part in the migrations of a database (docs/migrations.md). */
export interface SchemaOptions {
  /** What its code knows; several namespaces are independent of each other. */
  readonly migrations: DeclaredMigrations | readonly DeclaredMigrations[];
  /** 'coordinate', the default: applies what may be applied; 'wait': leaves that to others; 'require': `ready` fails unless all is applied. */
  readonly mode?: 'coordinate' | 'wait' | 'require' | undefined;
  /** Name of the release, for people. */
  readonly release?: string | undefined;
  readonly onEvent?: ((event: SchemaEvent) => void) | undefined;
  readonly hooks?: SchemaHooks | undefined;
  readonly policy?: SchemaPolicy | undefined;
}

/**
 * Functions around migrations, outside of their transactions. What they throw undoes nothing: it is an event (`hook`), and they are run again
 * within seconds; so they must bear being run twice.
 */
export interface SchemaHooks {
  /** Before this program applies its first migration; while it fails, nothing is applied by this program. */
  readonly beforeAll?: SchemaHook | undefined;
  /** After this program has applied migrations and none is left that could be. */
  readonly afterAll?: SchemaHook | undefined;
  /** When this program may use the database for the first time. */
  readonly onReady?: SchemaHook | undefined;
}

export type SchemaHook = (context: { readonly signal: AbortSignal }) => Promise<void> | void;

/** What a program decides in an operator's place. */
export interface SchemaPolicy {
  /**
   * Older code that keeps a migration waiting for `waitMs`: 'alert' tells it (event `lagging`); 'exclude' also excludes it, which fences it once
   * the migration is applied; 'fail-start' also makes `ready` fail with MIGRATION_BLOCKED when this program waits for that migration.
   */
  readonly lagging?:
    | { readonly waitMs: number; readonly then: 'alert' | 'exclude' | 'fail-start' }
    | undefined;
  /**
   * The same for older code on a node that is a member and of which the leader has heard nothing for `waitMs` (told from 15 000 on, counted
   * again by a new leader). Clients that are silent for a minute count no more in any case.
   */
  readonly absent?:
    | { readonly waitMs: number; readonly then: 'alert' | 'exclude' | 'fail-start' }
    | undefined;
  /** Whether migrations that break older code wait for `finalize`. Set where no operator has decided. */
  readonly finalize?: 'auto' | 'manual' | undefined;
  /** What sessions may do that declare nothing. Set where no operator has decided. */
  readonly undeclaredSessions?: 'allow' | 'read-only' | 'refuse' | undefined;
}

/** Which namespace is meant, and why; only programs with several namespaces have to name one. */
export interface SchemaDecision {
  readonly namespace?: string | undefined;
  readonly reason?: string | undefined;
}

/** Until when, and how far. */
export interface SchemaGoal {
  /** Name of a migration. Default: all. */
  readonly to?: string | undefined;
  /** Needed only when several namespaces have a migration of this name. */
  readonly namespace?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What happens to a database handle that takes part in migrations. */
export interface DatabaseEvents {
  /** `gen` counts every change of the schema's state. */
  schema: { readonly namespace: string; readonly gen: number; readonly version: number };
  /** Something was applied that breaks this program's code. */
  fenced: { readonly reason: string };
}

/** A migration that comes next and what it waits for. */
export interface SchemaPlan {
  readonly namespace: string;
  /** In order. */
  readonly pending: readonly { readonly name: string; readonly kind: string }[];
  readonly waits: readonly Wait[];
}

/** What a program is told of one namespace. */
export interface NamespaceReport {
  readonly namespace: string;
  /** Migrations that are applied, contracts aside. */
  readonly version: number;
  /** Number of the newest `breaking` migration that is applied. */
  readonly floor: number;
  /** Counts every change. */
  readonly generation: number;
  readonly phase: string;
  /** The program may use the database. */
  readonly canServe: boolean;
  /** Why not, and as which error; '' otherwise. */
  readonly reason: string;
  readonly code: string;
  /** Names that come next, holds and barriers aside. */
  readonly pending: readonly string[];
}

/** The schema of a database, as a program that takes part in its migrations sees it. */
export interface Schema extends AsyncDisposable {
  /**
   * Resolves when the program may use the database. Throws QuorateError: SCHEMA_TOO_NEW, SCHEMA_DIVERGED, SCHEMA_EPOCH_GAP, MIGRATION_OUT_OF_ORDER, what a migration
   * failed with, CLOSED.
   */
  ready(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** What the database said last, one for each namespace. */
  readonly reports: readonly NamespaceReport[];
  /** Looks at once instead of within the next seconds. */
  poke(): void;
  /** Everything about all namespaces of the database, also while this program may not use it. Throws QuorateError. */
  status(): Promise<readonly NamespaceStatus[]>;
  /**
   * Events from now on, until the loop is left, the signal is aborted or the schema is closed. Who does not read misses the oldest of more than 1000.
   * @example for await (const event of db.schema.watch()) console.log(event.kind);
   */
  watch(options?: {
    readonly signal?: AbortSignal | undefined;
  }): AsyncIterableIterator<SchemaEvent>;
  /** What this program's migrations have before them. Throws QuorateError. */
  plan(): Promise<readonly SchemaPlan[]>;
  /**
   * Applies migrations up to this one, or all, and waits for that; in the mode 'wait' nothing is applied without it. Throws QuorateError: what a migration
   * failed with, MIGRATION_UNKNOWN, CLOSED, and as `ready`.
   */
  up(options?: SchemaGoal): Promise<void>;
  /** Waits until migrations up to this one, or all, are applied by whomever. Throws as `up`. */
  wait(options?: SchemaGoal): Promise<void>;
  /** Looks whether the database is as its migrations made it; reads all of it. Throws QuorateError. */
  verify(): Promise<readonly Finding[]>;
  /** Nothing more is applied until `release`. These decisions are kept with this participant as the one who made them. */
  hold(decision?: SchemaDecision): Promise<void>;
  release(decision?: SchemaDecision): Promise<void>;
  /** A participant no longer counts at barriers. Throws QuorateError PARTICIPANT_NOT_FOUND. */
  exclude(participant: string, decision?: SchemaDecision): Promise<void>;
  include(participant: string, decision?: SchemaDecision): Promise<void>;
  /** With the policy `finalize: 'manual'`: this migration, or all, may break older code now. */
  finalize(migration?: string, decision?: SchemaDecision): Promise<void>;
  /** A migration that failed too often is tried again. */
  repair(migration: string, decision?: SchemaDecision): Promise<void>;
  /** Everything up to this migration counts as applied; nothing is executed. Throws QuorateError BASELINE_REFUSED, MIGRATION_UNKNOWN. */
  baseline(migration: string, decision?: SchemaDecision): Promise<void>;
  /** Figures of the migrations in the text format of Prometheus. Throws QuorateError. */
  metrics(): Promise<string>;
  /** Takes part no longer; nobody waits for this program any more. */
  close(): Promise<void>;
}
