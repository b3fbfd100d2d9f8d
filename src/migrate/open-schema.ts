import { type Clock, QuorateError, type Random } from '../base/index.ts';
import {
  type Database,
  type DeclaredMigrations,
  type Schema,
  type SchemaOptions,
  schemaAccess,
} from '../client/index.ts';
import { Coordinator } from './coordinator.ts';
import { Migrations } from './define.ts';
import { SchemaClient } from './schema-client.ts';

/** Who the program is, beside what it knows. */
export interface SchemaIdentity {
  readonly id: string;
  /** A node counts as long as it is a member of the cluster, a client as long as it is heard of. */
  readonly kind: 'node' | 'client';
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
    migrations: ('namespace' in migrations ? [migrations] : migrations).map(defined),
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

function defined(declared: DeclaredMigrations): Migrations {
  if (declared instanceof Migrations) return declared;
  throw new QuorateError('BAD_MIGRATIONS', 'migrations are made by defineMigrations');
}
