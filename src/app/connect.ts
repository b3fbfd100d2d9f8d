import {
  type Cluster,
  connectDatabase,
  type Database,
  type DatabaseOptions,
} from '../client/index.ts';
import { openSchema } from '../migrate/index.ts';
import { SystemRandom, systemClock, TcpNetwork } from '../net/index.ts';
import { publishSchemaEvent, warnOfListener } from './schema-channel.ts';

export interface ConnectOptions extends DatabaseOptions {
  /** HOST:PORT of some members; the leader and the others are found from any of them. */
  readonly servers: readonly string[];
  readonly database: string;
}

/**
 * A database of a cluster, of Quorate or of C dqlite. Connects when first used.
 * @example
 * const db = connect({ servers: ['127.0.0.1:9001'], database: 'app' });
 * console.log(await db.query('select 1 as one'));
 * await db.close();
 */
export function connect(options: ConnectOptions): Database & { readonly cluster: Cluster } {
  const random = new SystemRandom();
  const platform = { clock: systemClock, random, sink: publishSchemaEvent, warn: warnOfListener };
  return connectDatabase({
    ...options,
    network: new TcpNetwork(),
    clock: systemClock,
    random,
    openSchema: (database, schema) =>
      openSchema(database, schema, { id: clientId(random), kind: 'client' }, platform),
  });
}

/** A name for this process among the participants of migrations. */
function clientId(random: SystemRandom): string {
  return `client-${Math.floor(random.float() * 2 ** 48).toString(36)}`;
}
