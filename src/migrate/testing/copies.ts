import {
  createClient,
  type Database,
  type Schema,
  type SchemaEvent,
  type SchemaOptions,
} from '../../client/index.ts';
import { CALM_NETWORK } from '../../sim/network.ts';
import { loadSqlite, sha256, turn } from '../../sim/platform.ts';
import { drawProfile } from '../../sim/profile.ts';
import { streamOf, World } from '../../sim/world.ts';
import { type Migrations, openSchema } from '../index.ts';

const LIMIT_MS = 120_000;

let platform: { module: ReturnType<typeof loadSqlite>; hash: typeof sha256; turn: typeof turn };

/** One copy of an application: a client of its own, which takes part in the migrations. */
export class Copy {
  readonly database: Database;
  readonly schema: Schema;
  readonly events: SchemaEvent[] = [];

  constructor(
    world: World,
    id: string,
    migrations: Migrations,
    more: Partial<SchemaOptions> = {},
    kind: 'node' | 'client' = 'client',
  ) {
    const { scheduler } = world;
    const random = world.stream(`copy-${id}`);
    const client = createClient({
      ...{ network: world.network.at(`app-${id}`), clock: scheduler, random },
      servers: world.fleet.addresses,
      openSchema: (database, options) =>
        openSchema(database, options, { id, kind }, { clock: scheduler, random }),
    });
    this.database = client.database('app', {
      schema: {
        ...{ migrations, release: `release-of-${migrations.program.max}` },
        onEvent: (event) => this.events.push(event),
        ...more,
      },
    });
    const { schema } = this.database;
    if (schema === undefined) throw new Error('a copy takes part in migrations');
    this.schema = schema;
  }

  /** How many events of a kind there were. */
  count(kind: SchemaEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }
}

/** A cluster of three nodes on a calm network. */
export async function formed(seed: number): Promise<World> {
  platform ??= { module: loadSqlite(), hash: sha256, turn };
  const drawn = drawProfile(streamOf(seed, 'profile'));
  const network = { ...CALM_NETWORK, latencyMs: 0.5, jitterMs: 1 };
  const quiet = { churnEveryMs: 0, clockSkew: 0, damageShare: 0 };
  const world = new World(platform, seed, { ...drawn, ...quiet, nodes: 3, addresses: 3, network });
  await world.form();
  return world;
}

export async function until(world: World, what: string, reached: () => boolean): Promise<void> {
  const deadline = world.scheduler.now() + 60_000;
  while (!reached()) {
    if (world.scheduler.now() > deadline) throw new Error(`${what} was not reached`);
    await world.sleep(100);
  }
}

/** Runs a story in a cluster of its own, in simulated time. */
export async function story(seed: number, tell: (world: World) => Promise<void>): Promise<void> {
  const world = await formed(seed);
  await world.drive(tell(world), LIMIT_MS, 'the story');
}
