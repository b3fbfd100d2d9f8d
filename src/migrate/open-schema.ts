import { type Clock, QuorateError, type Random } from '../base/index.ts';
import {
  type Database,
  type DeclaredMigrations,
  type Schema,
  type SchemaEvent,
  type SchemaOptions,
  schemaAccess,
} from '../client/index.ts';
import { declarationOf } from '../schema/index.ts';
import { Coordinator } from './coordinator.ts';
import { Migrations } from './define.ts';
import { EventHub } from './event-hub.ts';
import { asOperator } from './operate.ts';
import { RunningSchema } from './running-schema.ts';
import { SchemaClient } from './schema-client.ts';
import { SchemaCompanion } from './schema-companion.ts';
import { SchemaMeter } from './schema-metrics.ts';

/** Who the program is, beside what it knows. */
export interface SchemaIdentity {
  readonly id: string;
  /** A node counts as long as it is a member of the cluster, a client as long as it is heard of. */
  readonly kind: 'node' | 'client';
}

/** What it needs of the process. */
export interface SchemaPlatform {
  readonly clock: Clock;
  readonly random: Random;
  /** Told all events of all databases, for tracing. */
  readonly sink?: ((database: string, event: SchemaEvent) => void) | undefined;
  /** Told once of what each listener throws. */
  readonly warn?: ((error: QuorateError) => void) | undefined;
}

/**
 * Takes part in the migrations of a database from now on, in the background. Sessions of the database declare what the code knows as soon as it
 * is registered; before that they are refused with SCHEMA_UNREGISTERED or SCHEMA_TOO_OLD, so `ready` comes first.
 */
export function openSchema(
  database: Database,
  options: SchemaOptions,
  identity: SchemaIdentity,
  platform: SchemaPlatform,
): Schema {
  const { clock, random, sink } = platform;
  const { mode = 'coordinate', release = '', onEvent, hooks = {}, policy = {} } = options;
  const boot = `${clock.wallMs().toString(36)}-${Math.floor(random.float() * 2 ** 32).toString(36)}`;
  const declared = options.migrations;
  const migrations = ('namespace' in declared ? [declared] : declared).map(defined);
  const access = schemaAccess(database);
  const client = new SchemaClient(access);
  // Before anything is known of it: a program that does not wait for `ready` must not pass for one that declares nothing.
  access.declare(declarationIdOf(migrations));
  const observer = access.observer();
  asOperator(observer);
  const participant = { ...identity, boot, release };
  const meter = new SchemaMeter(clock);
  const listeners = [
    (event: SchemaEvent) => meter.count(event),
    (event: SchemaEvent) => onEvent?.(event),
    (event: SchemaEvent) => sink?.(database.name, event),
  ];
  const hub = new EventHub(listeners, (error) => platform.warn?.(error));
  const common = {
    ...{ client, clock, migrations, participant },
    onEvent: (event: SchemaEvent) => hub.tell(event),
  };
  const companion = new SchemaCompanion({
    ...{ ...common, database, observer, hooks, policy },
    poke: () => coordinator.poke(),
  });
  const coordinator: Coordinator = new Coordinator({ ...common, random, mode, companion });
  coordinator.start();
  return new RunningSchema({ coordinator, client, observer, hub, meter, migrations, participant });
}

/** As the answer to a registration says. */
function declarationIdOf(migrations: readonly Migrations[]): string {
  const digests = migrations.map(({ namespace, program }) => [namespace, program.digest] as const);
  return declarationOf(Object.fromEntries(digests)).id;
}

function defined(declared: DeclaredMigrations): Migrations {
  if (declared instanceof Migrations) return declared;
  throw new QuorateError('BAD_MIGRATIONS', 'migrations are made by defineMigrations');
}
