import { QuorateError } from '../base/index.ts';
import { RemoteDatabase } from './database.ts';
import type { CallOptions, Database, Transaction, TransactionOptions } from './types.ts';

/** A migration in code while its statements are sent. */
export interface OpenMigration {
  /** What the request that began it was told, as JSON. */
  readonly begun: string;
  readonly transaction: Transaction;
  /** Asks the request that ends it; the transaction is over afterwards, however it ends. */
  end(json: string, options?: CallOptions): Promise<string>;
}

/** What schema migrations need of a database beyond SQL. */
export interface SchemaAccess {
  /** Asks the leader (room `schema`, as JSON). Throws QuorateError. */
  request(json: string, options?: CallOptions): Promise<string>;
  /** Tries migrations on a copy at one node (`RehearsalRequest` of room `schema`, as JSON). Throws QuorateError. */
  rehearse(json: string, options?: CallOptions): Promise<string>;
  /** All sessions of the database say from now on that their code knows this; '' = nothing. */
  declare(declaration: string): void;
  begin(json: string, options: TransactionOptions): Promise<OpenMigration>;
  /** A handle whose sessions declare nothing: it can look at the tables of the schema while the program may not use the database. */
  observer(): Database;
}

/** The way to the schema of a database that this library has opened. */
export function schemaAccess(database: Database): SchemaAccess {
  if (!(database instanceof RemoteDatabase)) {
    throw new QuorateError('INVALID_ARGUMENT', 'this is no database that Quorate has opened');
  }
  return {
    request: (json, options) => database.schemaRequest(json, options),
    rehearse: (json, options) => database.rehearse(json, options),
    declare: (declaration) => database.declare(declaration),
    observer: () => database.observer(),
    begin: async (json, options) => {
      const transaction = await database.openMigration(json, options);
      return {
        begun: transaction.begun,
        transaction,
        end: (request, endOptions) => transaction.schemaRequest(request, endOptions),
      };
    },
  };
}
