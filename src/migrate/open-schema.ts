import type { Clock, Random } from '../base/index.ts';
import { type Database, schemaAccess } from '../client/index.ts';
import { Coordinator, type CoordinatorOptions } from './coordinator.ts';
import type { Migrations } from './define.ts';
import type { SchemaEvent } from './events.ts';
import { type NamespaceReport, SchemaClient } from './schema-client.ts';

/** How a program takes part in the migrations of a database. */
export interface SchemaOptions {
  /** What its code knows; several namespaces are independent of each other. */
  readonly migrations: Migrations | readonly Migrations[];
  /** Default 'coordinate'. */
  readonly mode?: CoordinatorOptions['mode'] | undefined;
  /** Name of the release, for people. */
  readonly release?: string | undefined;
  readonly onEvent?: ((event: SchemaEvent) => void) | undefined;
}

/** Who the program is, beside what it knows. */
export interface SchemaIdentity {
  readonly id: string;
  /** A node counts as long as it is a member of the cluster, a client as long as it is heard of. */
  readonly kind: 'node' | 'client';
}

/** The schema of a database, as a program that takes part in its migrations sees it. */
export interface Schema extends AsyncDisposable {
  /**
   * Resolves when the program may use the database. Throws QuorateError: SCHEMA_TOO_NEW, SCHEMA_DIVERGED, SCHEMA_EPOCH_GAP, what a migration
   * failed with, CLOSED.
   */
  ready(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** What the database said last, one for each namespace. */
  readonly reports: readonly NamespaceReport[];
  /** Looks at once. */
  poke(): void;
  close(): Promise<void>;
}

/**
 * Takes part in the migrations of a database from now on, in the background. Sessions of the database declare what the code knows as soon as it
 * is registered; before that they are refused with SCHEMA_UNREGISTERED or SCHEMA_TOO_OLD, so `ready` comes first.
 */
export function openSchema(
  database: Database,
  options: SchemaOptions,
  identity: SchemaIdentity,
  platform: { readonly clock: Clock; readonly random: Random },
): Schema {
  const { clock, random } = platform;
  const { migrations, mode = 'coordinate', release = '', onEvent = () => undefined } = options;
  const boot = `${clock.wallMs().toString(36)}-${Math.floor(random.float() * 2 ** 32).toString(36)}`;
  const coordinator = new Coordinator({
    client: new SchemaClient(schemaAccess(database)),
    ...{ clock, random, mode, onEvent },
    migrations: 'namespace' in migrations ? [migrations] : migrations,
    participant: { ...identity, boot, release },
  });
  coordinator.start();
  return {
    ready: ({ signal } = {}) => coordinator.ready(signal),
    get reports() {
      return coordinator.reports;
    },
    poke: () => coordinator.poke(),
    close: () => coordinator.close(),
    [Symbol.asyncDispose]: () => coordinator.close(),
  };
}
