import { type Clock, Deadlines, type Network, QuorateError, type Random } from '../base/index.ts';
import { RemoteCluster } from './cluster.ts';
import { RemoteDatabase } from './database.ts';
import { Dispatcher } from './dispatcher.ts';
import { invalidArgument } from './errors.ts';
import { LeaderTracker } from './leader-tracker.ts';
import { LinkPool, type LocalServer } from './link-pool.ts';
import type { LocalPages } from './local-reader.ts';
import { type NearbyNode, NearbyReads } from './nearby-reads.ts';
import type { Cluster, Database, DatabaseOptions, Schema, SchemaOptions } from './types.ts';

export interface ClientOptions {
  readonly network: Pick<Network, 'dial'>;
  readonly clock: Clock;
  readonly random: Random;
  /** HOST:PORT of some members; the others are learned. */
  readonly servers: readonly string[];
  /** The node in this process: reads go there first. */
  readonly localServer?: LocalServer | undefined;
  /** Its pages, for `Database.local`. */
  readonly localPages?: LocalPages | undefined;
  /** The same node, for short reads of other levels. */
  readonly nearby?: NearbyNode | undefined;
  /** Takes part in the migrations of a database (room `migrate`), for the option `schema`. */
  readonly openSchema?: OpenSchema | undefined;
}

export type OpenSchema = (database: Database, options: SchemaOptions) => Schema;

/** What databases and cluster share: connections to the servers and the knowledge who leads. */
export interface ClientCore {
  readonly clock: Clock;
  /** Of all calls. */
  readonly deadlines: Deadlines;
  readonly pool: LinkPool;
  readonly tracker: LeaderTracker;
  readonly dispatcher: Dispatcher;
  readonly localPages: LocalPages | undefined;
  readonly nearby: NearbyReads | undefined;
  /** Database → what its sessions declare to know (docs/migrations.md). */
  readonly declarations: Map<string, string>;
  readonly openSchema: OpenSchema | undefined;
}

/** Several databases of one cluster over the same connections. */
export interface Client {
  readonly cluster: Cluster;
  /** A handle; nothing is opened before its first call. */
  database(name: string, options?: DatabaseOptions): Database;
  /** Ends everything that runs. */
  close(): Promise<void>;
}

/**
 * A client of one cluster; connects when first used.
 * @example
 * const client = createClient({ network, clock, random, servers: ['10.0.0.1:9000'] });
 * const db = client.database('app.db');
 */
export function createClient(options: ClientOptions): Client {
  const { clock, random, localServer, localPages, nearby, openSchema } = options;
  if (options.servers.length === 0 && localServer === undefined) {
    throw invalidArgument('no servers to connect to');
  }
  const deadlines = new Deadlines(clock);
  const pool: LinkPool = new LinkPool(
    { ...options, deadlines },
    {
      leader: (link, claim) => tracker.onClaim(link, claim),
      silent: (link) => tracker.onSilent(link.address),
      closed: (link) => tracker.onLost(link.address),
    },
  );
  const local = localServer?.address;
  const tracker = new LeaderTracker({ pool, deadlines, random, servers: options.servers, local });
  const dispatcher = new Dispatcher(pool, tracker, local);
  const core: ClientCore = {
    clock,
    deadlines,
    pool,
    tracker,
    dispatcher,
    localPages,
    nearby: nearby === undefined ? undefined : new NearbyReads(nearby),
    openSchema,
    declarations: new Map(),
  };
  const databases = new Set<Database>();
  let closed = false;
  return {
    cluster: new RemoteCluster(core),
    database(name, databaseOptions = {}) {
      if (closed) throw new QuorateError('CLOSED', 'the client is closed');
      const database: Database = new RemoteDatabase(core, name, databaseOptions, () => {
        databases.delete(database);
      });
      databases.add(database);
      return database;
    },
    async close() {
      closed = true;
      await Promise.all([...databases].map((database) => database.close()));
      pool.close();
      // What is being dialled ends by its own deadline.
      deadlines.rest();
    },
  };
}

export interface ConnectDatabaseOptions extends ClientOptions, DatabaseOptions {
  readonly database: string;
}

/**
 * One database of a cluster, with connections of its own that end with it. Connects when first used.
 * @example
 * const db = connectDatabase({ network, clock, random, servers: ['10.0.0.1:9000'], database: 'app.db' });
 * await db.execute('create table if not exists item (id integer primary key, name text)');
 * await db.close();
 */
export function connectDatabase(
  options: ConnectDatabaseOptions,
): Database & { readonly cluster: Cluster } {
  const client = createClient(options);
  const database = client.database(options.database, options);
  const close = database.close.bind(database);
  return Object.assign(database, {
    cluster: client.cluster,
    async close() {
      await close();
      await client.close();
    },
  });
}
