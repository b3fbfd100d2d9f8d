import {
  type Cluster,
  connectDatabase,
  type Database,
  type DatabaseOptions,
} from '../client/index.ts';
import { SystemRandom, systemClock, TcpNetwork } from '../net/index.ts';

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
  return connectDatabase({
    ...options,
    network: new TcpNetwork(),
    clock: systemClock,
    random: new SystemRandom(),
  });
}
