import { expect, test } from 'vitest';
import type { Consistency } from '../client/index.ts';
import { Violation } from './invariants.ts';
import { CALM_NETWORK } from './network.ts';
import { PlainProbe } from './plain-probe.ts';
import { loadSqlite, sha256, turn } from './platform.ts';
import type { SimulatedProcess } from './process.ts';
import { drawProfile, type Profile } from './profile.ts';
import { expectQuorateError } from './workloads/index.ts';
import { DATABASE, streamOf, World } from './world.ts';

const platform = { module: loadSqlite(), hash: sha256, turn };
const LIMIT_MS = 60_000;

async function formed(seed: number, changes: Partial<Profile> = {}): Promise<World> {
  const drawn = drawProfile(streamOf(seed, 'profile'));
  // Latencies that let a client ask many times in a trial.
  const network = { ...CALM_NETWORK, latencyMs: 0.5, jitterMs: 2 };
  const profile = { ...drawn, nodes: 3, addresses: 4, network, ...changes };
  const world = new World(platform, seed, profile);
  await world.form();
  return world;
}

async function leaderOf(world: World): Promise<SimulatedProcess> {
  for (;;) {
    const { leader } = world.fleet;
    const term = leader?.node?.status().term ?? 0;
    const newest = world.fleet.processes.every(({ node }) => (node?.status().term ?? 0) <= term);
    if (leader !== undefined && newest) return leader;
    await world.sleep(50);
  }
}

/** Cuts a node off from all others; clients still reach it. */
function isolate(world: World, member: SimulatedProcess, deaf: boolean): void {
  for (const { address } of world.fleet.processes) {
    if (address === member.address) continue;
    world.network.cut(member.address, address);
    if (deaf) world.network.cut(address, member.address);
  }
}

/** What a reader knows: the newest acknowledged value when its read began. */
interface Register {
  acknowledged: number;
  readonly seen: { plain: number; own: number; refused: number; leased: number };
  stopped: boolean;
}

function check(before: number, value: number, who: string): void {
  if (value < before) throw new Violation('LIN', `${who} read ${value} after ${before}`);
}

/** Reads at one node until it is stopped; each must see what was acknowledged before it began, or fail. */
async function readAtNode(
  world: World,
  address: string,
  register: Register,
  consistency: Consistency,
): Promise<void> {
  const client = world.client(`reader-at-${address}`, [address]);
  const database = client.database(DATABASE);
  while (!register.stopped) {
    const before = register.acknowledged;
    try {
      const row = await database.first<{ n: number }>('SELECT n FROM counter', [], {
        timeoutMs: 400,
        consistency,
        readFrom: address,
      });
      check(before, row?.n ?? -1, 'our client');
      register.seen.own++;
    } catch (error) {
      expectQuorateError(error);
      register.seen.refused++;
    }
    await world.sleep(world.random.float() * 20);
  }
  await client.close();
}

/** The same in plain dqlite; the answer is a text like "value-17.". */
async function readPlainly(world: World, address: string, register: Register): Promise<void> {
  const open = () => PlainProbe.open(world, `plain-at-${address}`, address, DATABASE);
  let probe = await open();
  while (!register.stopped) {
    const before = register.acknowledged;
    const answer = await probe.query("SELECT 'value-' || n || '.' FROM counter", 1500);
    const value = /value-(\d+)\./.exec(answer ?? '')?.[1];
    if (value === undefined) {
      register.seen.refused++;
      probe.close();
      probe = await open();
    } else {
      check(before, Number(value), 'a plain session');
      register.seen.plain++;
    }
    await world.sleep(world.random.float() * 20);
  }
  probe.close();
}

/** One trial: the leader is cut off, a new one acknowledges a write, the old one is asked all the time. */
async function depose(world: World, register: Register): Promise<void> {
  const old = await leaderOf(world);
  const others = world.fleet.addresses.filter((address) => address !== old.address).slice(0, 2);
  const readers = [
    readAtNode(world, old.address, register, 'linearizable'),
    readAtNode(world, old.address, register, 'lease'),
    readPlainly(world, old.address, register),
  ];
  await world.sleep(world.random.float() * 50);
  register.seen.leased += old.node?.status().counters.leasedReads ?? 0;
  isolate(world, old, world.random.float() < 0.7);
  const writer = world.client('writer', others);
  const database = writer.database(DATABASE, { timeoutMs: 1000 });
  await world.persist(() => database.execute('UPDATE counter SET n = max(n, 1) + 1'));
  const row = await world.persist(() => database.first<{ n: number }>('SELECT n FROM counter'));
  register.acknowledged = row?.n ?? 0;
  await world.sleep(world.random.float() * 400);
  // What waited in the sockets arrives late, and so do acknowledgements of the past (M6).
  world.network.heal();
  await world.sleep(500 + world.random.float() * 1500);
  register.stopped = true;
  await Promise.all([...readers, writer.close()]);
  register.stopped = false;
}

test.each([1, 2, 3, 4, 5])(
  'a leader that is cut off never returns an old value: 10 trials of seed %d',
  async (seed) => {
    const world = await formed(seed, { churnEveryMs: 0 });
    const register: Register = {
      acknowledged: 0,
      seen: { plain: 0, own: 0, refused: 0, leased: 0 },
      stopped: false,
    };
    for (let trial = 0; trial < 10; trial++) {
      await world.drive(depose(world, register), LIMIT_MS, 'a trial to end');
    }
    expect(register.acknowledged).toBeGreaterThanOrEqual(11);
    expect(register.seen.own).toBeGreaterThan(50);
    expect(register.seen.leased).toBeGreaterThan(10);
    expect(register.seen.plain).toBeGreaterThan(5);
    expect(register.seen.refused).toBeGreaterThan(10);
  },
  60_000,
);

test.each([11, 12, 13, 14])(
  'what was acknowledged survives that all lose power at that moment: seed %d',
  async (seed) => {
    const world = await formed(seed);
    const database = world.admin.database(DATABASE, { timeoutMs: 20_000 });
    const outage = async (id: number): Promise<void> => {
      const write = () => database.execute('INSERT OR REPLACE INTO t VALUES (?, 0, ?)', [id, 'x']);
      await world.persist(write);
      for (const member of world.fleet.processes) member.stop(true);
      await Promise.all(world.fleet.processes.map((member) => member.start('resume')));
      const row = await world.persist(() =>
        database.first<{ n: number }>('SELECT count(*) AS n FROM t'),
      );
      if (row?.n !== id) throw new Violation('ACK', `${row?.n} of ${id} rows survived`);
    };
    for (let id = 1; id <= 8; id++) await world.drive(outage(id), LIMIT_MS, 'an outage to end');
    await world.drive(world.agree(), LIMIT_MS, 'the replicas to agree');
  },
  60_000,
);

test.each([21, 22, 23])(
  'a transaction whose connection is lost leaves nothing and blocks nobody: seed %d',
  async (seed) => {
    const world = await formed(seed);
    const lose = async (round: number): Promise<void> => {
      const mine = world.client('mine');
      const transaction = await world.persist(() =>
        mine.database(DATABASE).transaction('write', { timeoutMs: 20_000 }),
      );
      await transaction.execute('INSERT INTO t VALUES (?, 1, ?)', [round, 'lost']);
      world.network.kill('mine');
      const database = world.admin.database(DATABASE);
      const before = world.scheduler.now();
      await world.persist(() =>
        database.execute('UPDATE counter SET n = ?', [round], { timeoutMs: 4_000 }),
      );
      // Far less than the 5 s after which an idle transaction is rolled back.
      expect(world.scheduler.now() - before).toBeLessThan(4_000);
      const row = await world.persist(() =>
        database.first<{ n: number }>('SELECT count(*) AS n FROM t'),
      );
      expect(row?.n).toBe(0);
      await mine.close();
    };
    for (let round = 1; round <= 5; round++) {
      await world.drive(lose(round), LIMIT_MS, 'a round to end');
    }
  },
  60_000,
);

test.each([31, 32])(
  'a machine that was removed and wiped comes back under a new id by a snapshot: seed %d',
  async (seed) => {
    const world = await formed(seed, { snapshotEntries: 64, churnEveryMs: 0 });
    const database = world.admin.database(DATABASE, { timeoutMs: 20_000 });
    const replace = async (): Promise<void> => {
      for (let id = 1; id <= 150; id++) {
        await world.persist(() =>
          database.execute('INSERT OR REPLACE INTO t VALUES (?, 0, ?)', [id, 'x'.repeat(500)]),
        );
      }
      const leader = await leaderOf(world);
      const victim = world.fleet.processes.find(({ id }) => id !== leader.id) ?? leader;
      await world.churn.remove(victim);
      world.fleet.scrap(victim);
      const fresh = world.fleet.create(victim.address);
      await fresh.start('wait');
      await world.churn.join(fresh, 'voter');
      await world.agree();
      expect(fresh.id).toBe(4n);
      expect(fresh.node?.status().counters.snapshotsInstalled).toBeGreaterThan(0);
    };
    await world.drive(replace(), LIMIT_MS * 3, 'the machine to be replaced');
  },
  60_000,
);
