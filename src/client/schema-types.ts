import type { QuorateError } from '../base/index.ts';

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
   * Resolves when the program may use the database. Throws QuorateError: SCHEMA_TOO_NEW, SCHEMA_DIVERGED, SCHEMA_EPOCH_GAP, what a migration
   * failed with, CLOSED.
   */
  ready(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** What the database said last, one for each namespace. */
  readonly reports: readonly NamespaceReport[];
  /** Looks at once instead of within the next seconds. */
  poke(): void;
  /** Takes part no longer; nobody waits for this program any more. */
  close(): Promise<void>;
}

/** What happens to the schema, for logs, metrics and screens. */
export type SchemaEvent =
  | { readonly kind: 'registered'; readonly namespace: string; readonly version: number }
  /** The program may use the database. */
  | { readonly kind: 'serving'; readonly namespace: string; readonly version: number }
  /** It may not yet, or not any more; `reason` says what would help. */
  | {
      readonly kind: 'waiting';
      readonly namespace: string;
      readonly code: string;
      readonly reason: string;
    }
  | { readonly kind: 'started'; readonly namespace: string; readonly name: string }
  | {
      readonly kind: 'batch';
      readonly namespace: string;
      readonly name: string;
      readonly done: number;
    }
  | {
      readonly kind: 'committed';
      readonly namespace: string;
      readonly name: string;
      readonly version: number;
      readonly pages: number;
      readonly ms: number;
    }
  /** Somebody else has applied it meanwhile. */
  | { readonly kind: 'superseded'; readonly namespace: string; readonly name: string }
  /** Older code, a hold or an order is in the way; it is tried again. */
  | {
      readonly kind: 'blocked';
      readonly namespace: string;
      readonly name: string;
      readonly error: QuorateError;
    }
  | {
      readonly kind: 'failed';
      readonly namespace: string;
      readonly name: string;
      readonly error: QuorateError;
    }
  /** This program does not fit the database, and waiting does not help. */
  | { readonly kind: 'refused'; readonly error: QuorateError };
