import { type Clock, QuorateError, type Random } from '../../base/index.ts';
import type { Database, Schema, SchemaEvent } from '../../client/index.ts';
import { openSchema } from '../../migrate/index.ts';
import type { SchemaView, ViewMember } from '../checkers/index.ts';
import { Violation } from '../violation.ts';
import type { Release } from './schema-releases.ts';

/** What participants of a run are started on. */
export interface ParticipantHost {
  readonly clock: Clock;
  /** Ids of the members of the cluster: other nodes do not count at barriers. */
  readonly members: ReadonlySet<string>;
  /** A client of its own, which nothing else uses. */
  connect: (name: string) => { readonly database: Database; close(): Promise<void> };
  random(purpose: string): Random;
  /** Within which everything that may be applied is, once faults have ended. */
  settleMs: number;
  /** Who sees every entry; absent where nobody can. */
  readonly witness?: SchemaOnlooker | undefined;
  failed(error: unknown): void;
}

/** What is known of the database beside what clients are told. */
export interface SchemaOnlooker {
  readonly view: SchemaView;
  presence: (member: ViewMember) => boolean;
  wasFit(start: string): boolean;
}

/** One start of one copy of the application: takes part in the migrations from its first to its last moment. */
export class SchemaCopy {
  readonly release: Release;
  readonly database: Database;
  readonly schema: Schema;
  /** It has been told that it may use the database; what it does later the fence judges. */
  declared = false;
  serving = false;
  readonly #start: string;
  readonly #host: ParticipantHost;
  readonly #close: () => Promise<void>;

  constructor(
    host: ParticipantHost,
    id: string,
    kind: 'node' | 'client',
    number: number,
    release: Release,
  ) {
    this.release = release;
    this.#host = host;
    this.#start = `${release.name}#${number}`;
    const connection = host.connect(`app-${id}`);
    this.database = connection.database;
    this.#close = () => connection.close();
    this.schema = openSchema(
      this.database,
      {
        ...{ migrations: release.migrations, release: this.#start },
        onEvent: (event) => {
          try {
            this.#heard(event);
          } catch (error) {
            host.failed(error);
          }
        },
      },
      { id, kind },
      { clock: host.clock, random: host.random(`copy ${number}`) },
    );
  }

  /** Leaves in order. */
  async stop(): Promise<void> {
    await this.schema.close();
    await this.#close();
  }

  /** Is gone without a word. */
  async crash(): Promise<void> {
    await this.#close();
    await this.schema.close();
  }

  #heard(event: SchemaEvent): void {
    const { witness } = this.#host;
    if (event.kind === 'serving') {
      this.declared = true;
      this.serving = true;
      if (witness?.wasFit(this.#start) === false) {
        throw new Violation('MI9', `${this.#start} serves and was never registered where it fits`);
      }
    } else if (event.kind === 'fenced' || event.kind === 'refused' || event.kind === 'waiting') {
      this.serving = false;
    } else if (event.kind === 'committed' || event.kind === 'superseded') {
      this.#checkApplied(event.name);
    }
  }

  /** MI12: who is told that a migration is applied is told so of the one it meant. */
  #checkApplied(name: string): void {
    const { witness } = this.#host;
    const meant = this.release.migrations.program.entry(name)?.checksum;
    const found = witness?.view.history.find((row) => row.name === name);
    if (witness === undefined || found?.checksum === meant) return;
    throw new Violation('MI12', `${this.#start} is told that ${name} is applied, and it is not`);
  }
}

/** What keeps code from a schema that it does not fit. */
const FENCED: ReadonlySet<string> = new Set([
  ...['SCHEMA_FENCED', 'SCHEMA_TOO_OLD', 'SCHEMA_TOO_NEW', 'SCHEMA_UNREGISTERED'],
  ...['SCHEMA_DIVERGED', 'SCHEMA_UNDECLARED'],
]);

/** Whether the fence has refused a statement; it had no effect then. `CLOSED`: the copy ended meanwhile. */
export function isFenced(error: unknown): error is QuorateError {
  return error instanceof QuorateError && FENCED.has(error.code);
}

export function isClosed(error: unknown): error is QuorateError {
  return error instanceof QuorateError && error.code === 'CLOSED';
}
