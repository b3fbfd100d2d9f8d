import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import {
  fromUtf8,
  LIMITS,
  logIndex,
  type NodeId,
  QuorateError,
  SeededRandom,
  silent,
} from '../base/index.ts';
import { compileSqlite } from '../engine/index.ts';
import {
  type FromMachine,
  type FromReader,
  Machine,
  Reader,
  type ToMachine,
  type ToReader,
  type Work,
} from '../machine/index.ts';
import { Server } from '../server/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { SimulatedNetwork } from '../sim/network.ts';
import { simulatedPorts } from '../sim/ports.ts';
import { ProcessClock, Scheduler } from '../sim/scheduler.ts';
import { ExtensionRowsReader } from '../wire/index.ts';
import type { Consistency, NodeEvent, NodeRequest, RequestResult } from './contract.ts';
import { Node } from './node.ts';
import type { NodeOptions } from './options.ts';
import { FakeMachine, FakeReader, FakeStore } from './testing/fake-machine.ts';

const SQLITE = compileSqlite(
  readFileSync(
    new URL('../../node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm', import.meta.url),
  ),
);
const DELAYS = { lowestMs: 0.02, highestMs: 0.2 };
const FAULTS = { latencyMs: 0.3, jitterMs: 0.2, stallRate: 0, stallMs: 0, resetRate: 0 };

interface Outcome {
  readonly result: RequestResult;
  readonly rows: string;
}

/** One process: node, server, stand-ins for the SQL side. */
class Process {
  readonly id: NodeId;
  readonly address: string;
  readonly disk: SimulatedDisk;
  clock: ProcessClock;
  node: Node | undefined;
  machine: FakeMachine | undefined;
  reader: FakeReader | undefined;
  store = new FakeStore();
  readonly events: NodeEvent[] = [];

  constructor(cluster: Cluster, id: NodeId) {
    this.id = id;
    this.address = `10.0.0.${id}:9000`;
    this.disk = new SimulatedDisk({ random: cluster.random });
    this.clock = new ProcessClock(cluster.scheduler);
  }
}

class Cluster {
  readonly scheduler = new Scheduler();
  readonly random = new SeededRandom(7);
  readonly network = new SimulatedNetwork(this.scheduler, this.random, FAULTS);
  readonly processes = new Map<NodeId, Process>();
  snapshot: NodeOptions['snapshot'];
  /** SQLite instead of the stand-ins. */
  sql = false;

  process(id: NodeId): Process {
    let known = this.processes.get(id);
    if (known === undefined) {
      known = new Process(this, id);
      this.processes.set(id, known);
    }
    return known;
  }

  node(id: NodeId): Node {
    const { node } = this.process(id);
    if (node === undefined) throw new Error(`node ${id} does not run`);
    return node;
  }

  async start(id: NodeId, start: NodeOptions['start']): Promise<Node> {
    const process = this.process(id);
    process.clock = new ProcessClock(this.scheduler);
    process.store = new FakeStore();
    const { clock, address } = process;
    const network = this.network.at(address);
    const [machine, machineEnd] = simulatedPorts<ToMachine, FromMachine>(
      clock,
      this.random,
      DELAYS,
    );
    const [reader, readerEnd] = simulatedPorts<ToReader, FromReader>(clock, this.random, DELAYS);
    if (this.sql) {
      const shared = { module: SQLITE, clock, random: this.random };
      const { directory } = new Machine({ ...shared, port: machineEnd });
      new Reader({ ...shared, port: readerEnd, directory });
    } else {
      process.machine = new FakeMachine(machineEnd, process.store);
      process.reader = new FakeReader(readerEnd, process.store);
    }
    const node = await this.until(
      Node.start({
        id,
        address,
        disk: process.disk.mount(),
        network,
        clock,
        random: this.random,
        logger: silent,
        machine,
        readers: [reader],
        start,
        electionTimeoutMs: 100,
        heartbeatMs: 20,
        snapshot: this.snapshot,
        segmentBytes: 64 * 1024,
      }),
    );
    process.node = node;
    node.on((event) => process.events.push(event));
    const server = new Server({
      services: node,
      hash: () => ({ update: () => undefined, digest: () => new Uint8Array(32) }),
      limits: LIMITS,
      logger: silent,
      clock,
      acceptRaft: (connection, peer, from, rest) => node.acceptRaft(connection, peer, from, rest),
    });
    await this.until(server.listen(network, address));
    return node;
  }

  /** Three voters, the first of them leader. */
  async three(): Promise<void> {
    const first = await this.start(1n, 'bootstrap');
    await this.start(2n, 'wait');
    await this.start(3n, 'wait');
    await this.when(() => first.isLeader());
    for (const id of [2n, 3n]) {
      await this.until(first.add(id, this.process(id).address));
      await this.until(first.assign(id, 'voter'));
    }
  }

  /** Power off, or the process killed: nothing of it happens any more. */
  async crash(id: NodeId): Promise<void> {
    const process = this.process(id);
    process.clock.kill();
    this.network.kill(process.address);
    process.disk.crash();
    process.node = undefined;
    await this.run(1);
  }

  isolate(id: NodeId): void {
    for (const other of this.processes.keys()) {
      if (other === id) continue;
      this.network.cut(this.process(id).address, this.process(other).address);
      this.network.cut(this.process(other).address, this.process(id).address);
    }
  }

  async run(ms: number): Promise<void> {
    const end = this.scheduler.now() + ms;
    await turn();
    while (this.scheduler.step(end)) await turn();
  }

  async when(condition: () => boolean, ms = 5_000): Promise<void> {
    const end = this.scheduler.now() + ms;
    await turn();
    while (!condition()) {
      if (!this.scheduler.step(end)) throw new Error('it did not happen in time');
      await turn();
    }
  }

  async until<T>(promise: Promise<T>, ms = 10_000): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    await this.when(() => settled, ms);
    return await promise;
  }

  leader(): Node | undefined {
    for (const { node } of this.processes.values()) if (node?.isLeader()) return node;
    return undefined;
  }

  submit(id: NodeId, sql: string, options: Partial<NodeRequest> = {}): Promise<Outcome> {
    const node = this.node(id);
    return new Promise((resolve) => {
      const rows: string[] = [];
      node.execute(request(sql, options), {
        rows: (batch) => rows.push(fromUtf8(batch)),
        end: (result) => resolve({ result, rows: rows.join('') }),
      });
    });
  }

  execute(id: NodeId, sql: string, options: Partial<NodeRequest> = {}): Promise<Outcome> {
    return this.until(this.submit(id, sql, options));
  }
}

function request(sql: string, options: Partial<NodeRequest>): NodeRequest {
  return {
    database: 'main',
    work: {
      action: 'statement',
      statement: { sql, parameters: { kind: 'positional', values: [] } },
      rows: 'send',
      tail: 'refuse',
      surplus: 'refuse',
    },
    format: 'extension',
    consistency: 'linearizable' as Consistency,
    minimumIndex: logIndex(0),
    maxStalenessMs: undefined,
    maxStalenessEntries: undefined,
    timeoutMs: 0,
    ...options,
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function failureOf(outcome: Outcome) {
  if (outcome.result.kind !== 'failed') throw new Error(`it was ${outcome.result.kind}`);
  return outcome.result.failure;
}

let cluster = new Cluster();
afterEach(() => {
  for (const { events } of cluster.processes.values()) {
    expect(events.filter((event) => event.kind === 'stopped')).toEqual([]);
  }
  cluster = new Cluster();
});

describe('one node', () => {
  test('leads at once, commits and reads', async () => {
    const node = await cluster.start(1n, 'bootstrap');
    await cluster.when(() => node.isLeader());
    const written = await cluster.execute(1n, 'SET a 1');
    expect(written.result).toMatchObject({ kind: 'done' });
    const read = await cluster.execute(1n, 'SELECT a');
    expect(read.rows).toBe('1');
    expect(node.status()).toMatchObject({ role: 'leader', memberRole: 'voter' });
  });

  test('an empty write waits for what it has seen and for leadership', async () => {
    const node = await cluster.start(1n, 'bootstrap');
    await cluster.when(() => node.isLeader());
    const both = await cluster.until(
      Promise.all([cluster.submit(1n, 'SET a 1'), cluster.submit(1n, 'NOOP')]),
    );
    expect(both.map(({ result }) => result.kind)).toEqual(['done', 'done']);
  });

  test('goes on with its data after a crash', async () => {
    await cluster.start(1n, 'bootstrap');
    for (let i = 0; i < 20; i++) await cluster.execute(1n, `SET k${i} ${i}`);
    await cluster.crash(1n);
    await cluster.start(1n, 'resume');
    expect((await cluster.execute(1n, 'SELECT k19')).rows).toBe('19');
    expect((await cluster.execute(1n, 'SET a 2')).result.kind).toBe('done');
  });

  test('takes snapshots while writes go on, and restores from them', async () => {
    cluster.snapshot = { entries: 25, trailing: 5 };
    await cluster.start(1n, 'bootstrap');
    for (let i = 0; i < 100; i++) await cluster.execute(1n, `SET k${i} ${i}`);
    const { snapshotsTaken } = cluster.node(1n).status().counters;
    expect(snapshotsTaken).toBeGreaterThan(1);
    await cluster.crash(1n);
    const node = await cluster.start(1n, 'resume');
    expect(node.status().snapshotIndex).toBeGreaterThan(25);
    expect((await cluster.execute(1n, 'SELECT k0')).rows).toBe('0');
    expect((await cluster.execute(1n, 'SELECT k99')).rows).toBe('99');
  });

  test('stops with everything closed and starts again', async () => {
    const node = await cluster.start(1n, 'bootstrap');
    await cluster.execute(1n, 'SET a 1');
    await cluster.until(node.stop());
    cluster.network.kill(cluster.process(1n).address);
    await cluster.start(1n, 'resume');
    expect((await cluster.execute(1n, 'SELECT a')).rows).toBe('1');
  });
});

describe('three nodes', () => {
  test('replicate; a follower serves linearizable reads by the index of the leader', async () => {
    await cluster.three();
    for (let i = 0; i < 10; i++) {
      await cluster.execute(1n, `SET a ${i}`);
      const read = await cluster.execute(2n, 'SELECT a');
      expect(read.rows).toBe(`${i}`);
    }
    expect(cluster.process(2n).reader?.reads).toBe(10);
    expect(cluster.node(3n).leaderHint()).toEqual({ id: 1n, address: '10.0.0.1:9000' });
  });

  test('a write on a follower is refused with the leader, nothing executed', async () => {
    await cluster.three();
    const failure = failureOf(await cluster.execute(2n, 'SET a 1'));
    expect(failure).toMatchObject({
      code: 'NOT_LEADER',
      outcome: 'rolled-back',
      dqliteCode: 10250,
      leader: '10.0.0.1:9000',
    });
    expect(cluster.process(2n).machine?.executed).toBe(0);
  });

  test('session reads wait for their index, local ones tell their age', async () => {
    await cluster.three();
    const written = await cluster.execute(1n, 'SET a 1');
    const index = written.result.kind === 'done' ? written.result.index : logIndex(0);
    const read = await cluster.execute(3n, 'SELECT a', {
      consistency: 'session',
      minimumIndex: index,
    });
    expect(read.rows).toBe('1');
    cluster.isolate(3n);
    await cluster.run(500);
    const old = await cluster.execute(3n, 'SELECT a', {
      consistency: 'local',
      maxStalenessMs: 300,
    });
    expect(failureOf(old).code).toBe('TOO_STALE');
    const any = await cluster.execute(3n, 'SELECT a', { consistency: 'local' });
    expect(any.rows).toBe('1');
  });

  test('the leader dies: another one leads with every acknowledged write', async () => {
    await cluster.three();
    for (let i = 0; i < 30; i++) await cluster.execute(1n, `SET k${i} ${i}`);
    await cluster.crash(1n);
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    for (let i = 0; i < 30; i++) {
      expect((await cluster.execute(leader, `SELECT k${i}`)).rows).toBe(`${i}`);
    }
    await cluster.execute(leader, 'SET after 1');
    await cluster.start(1n, 'resume');
    await cluster.when(() => cluster.process(1n).store.published.get('after') === '1');
  });

  test('a cut-off leader answers no read and learns that its write was rolled back', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a old');
    cluster.isolate(1n);
    const write = cluster.submit(1n, 'SET a lost');
    const noop = cluster.submit(1n, 'NOOP');
    const read = cluster.submit(1n, 'SELECT a');
    await cluster.when(
      () => cluster.leader()?.status().id !== 1n && cluster.leader() !== undefined,
    );
    const leader = cluster.leader()?.status().id ?? 0n;
    await cluster.execute(leader, 'SET a new');
    expect(failureOf(await cluster.until(read))).toMatchObject({ retryable: true });
    expect(failureOf(await cluster.until(noop))).toMatchObject({ outcome: 'rolled-back' });
    cluster.network.heal();
    const fate = failureOf(await cluster.until(write));
    expect(['rolled-back', 'unknown']).toContain(fate.outcome);
    await cluster.when(() => cluster.process(1n).store.published.get('a') === 'new');
    expect(cluster.process(1n).machine?.epoch).toBe(undefined);
  });

  test('a write that was replicated but not acknowledged is reported committed or unknown', async () => {
    await cluster.three();
    // Its followers get the entry, but their answers do not come back.
    cluster.network.cut('10.0.0.2:9000', '10.0.0.1:9000');
    cluster.network.cut('10.0.0.3:9000', '10.0.0.1:9000');
    const write = cluster.submit(1n, 'SET a 1');
    await cluster.when(() => cluster.leader() === undefined);
    await cluster.when(() => cluster.leader() !== undefined);
    cluster.network.heal();
    const outcome = await cluster.until(write);
    await cluster.run(1_000);
    for (const id of [1n, 2n, 3n]) {
      expect(cluster.process(id).store.published.get('a')).toBe('1');
    }
    if (outcome.result.kind === 'failed') expect(failureOf(outcome).outcome).toBe('unknown');
  });

  test('leadership is handed over without losing writes', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    await cluster.until(cluster.node(1n).transfer(2n));
    await cluster.when(() => cluster.node(2n).isLeader());
    expect((await cluster.execute(2n, 'SELECT a')).rows).toBe('1');
    expect((await cluster.execute(2n, 'SET a 2')).result.kind).toBe('done');
    expect(await cluster.until(cluster.node(2n).handover())).toBe(true);
  });

  test('a transfer to a dead member fails and the leader goes on', async () => {
    await cluster.three();
    await cluster.crash(3n);
    const failed = await cluster.until(
      cluster
        .node(1n)
        .transfer(3n)
        .catch((error: unknown) => error),
    );
    expect(failed).toBeInstanceOf(QuorateError);
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect((await cluster.execute(leader, 'SET a 3')).result.kind).toBe('done');
  });

  test('a follower that is far behind gets a snapshot', async () => {
    cluster.snapshot = { entries: 20, trailing: 2 };
    await cluster.three();
    await cluster.crash(3n);
    for (let i = 0; i < 80; i++) await cluster.execute(1n, `SET k${i} ${'x'.repeat(100)}${i}`);
    await cluster.start(3n, 'resume');
    await cluster.when(() => cluster.process(3n).store.published.size === 80);
    expect(cluster.node(3n).status().counters.snapshotsInstalled).toBe(1);
    await cluster.execute(1n, 'SET after 1');
    await cluster.when(() => cluster.process(3n).store.published.get('after') === '1');
    await cluster.crash(3n);
    await cluster.start(3n, 'resume');
    await cluster.when(() => cluster.process(3n).store.published.get('after') === '1');
  });

  test('membership: errors by name, a removed member is gone', async () => {
    await cluster.three();
    const node = cluster.node(1n);
    const code = async (change: Promise<void>) => {
      const error = await cluster.until(change.then(() => undefined).catch((e: unknown) => e));
      return error instanceof QuorateError ? error.code : undefined;
    };
    expect(await code(node.add(2n, '10.0.0.9:9000'))).toBe('DUPLICATE_ID');
    expect(await code(node.add(9n, '10.0.0.2:9000'))).toBe('DUPLICATE_ADDRESS');
    expect(await code(node.assign(9n, 'voter'))).toBe('MEMBER_NOT_FOUND');
    expect(await code(node.assign(2n, 'voter'))).toBe('BAD_ROLE');
    expect(await code(cluster.node(2n).add(9n, '10.0.0.9:9000'))).toBe('NOT_LEADER');
    expect(await code(node.remove(3n))).toBe(undefined);
    expect(node.status().members.map((member) => member.id)).toEqual([1n, 2n]);
  });
});

describe('deadlines and interrupts', () => {
  test('a write that cannot be committed in time is unknown, never past the deadline', async () => {
    await cluster.three();
    cluster.isolate(1n);
    const startedAt = cluster.scheduler.now();
    const outcome = await cluster.execute(1n, 'SET a 1', { timeoutMs: 50 });
    expect(failureOf(outcome)).toMatchObject({ code: 'OUTCOME_UNKNOWN', dqliteCode: 10 });
    expect(cluster.scheduler.now() - startedAt).toBeLessThan(70);
  });

  test('a read that waits in the node can be interrupted', async () => {
    await cluster.three();
    cluster.isolate(2n);
    const ended: RequestResult[] = [];
    const running = cluster.node(2n).execute(request('SELECT a', {}), {
      rows: () => undefined,
      end: (result) => ended.push(result),
    });
    running.interrupt();
    expect(ended).toMatchObject([{ kind: 'failed', failure: { code: 'SQLITE_INTERRUPT' } }]);
  });
});

describe('sessions', () => {
  test('requests run one after another, and loss of leadership is told once', async () => {
    await cluster.three();
    let lost = 0;
    const session = cluster.node(1n).openSession({
      readOnly: false,
      transactionIdleMs: 0,
      transactionTotalMs: 0,
      lost: () => lost++,
    });
    const order: string[] = [];
    const submit = (sql: string) =>
      new Promise<void>((resolve) => {
        session.submit(request(sql, {}), {
          rows: (batch) => order.push(fromUtf8(batch)),
          end: (result) => {
            order.push(`${sql}: ${result.kind}`);
            resolve();
          },
        });
      });
    await cluster.until(Promise.all([submit('SET a 1'), submit('SELECT a'), submit('NOOP')]));
    expect(order).toEqual(['SET a 1: done', '1', 'SELECT a: done', 'NOOP: done']);
    await cluster.until(cluster.node(1n).transfer(2n));
    expect(lost).toBe(1);
    session.close();
  });
});

describe('chaos', () => {
  /** Crashes, cuts, transfers and snapshots under load; then everything told to a client must be true. */
  async function chaos(
    seed: number,
  ): Promise<{ acknowledged: number; lost: number; reads: number }> {
    const random = new SeededRandom(seed);
    const chance = (rate: number): boolean => random.float() < rate;
    const ids = [1n, 2n, 3n];
    const anyone = (): NodeId => ids[Math.floor(random.float() * 3)];
    const acknowledged: string[] = [];
    const rolledBack: string[] = [];
    const unknown: string[] = [];
    const down = new Set<NodeId>();
    let reads = 0;
    let highest = 0;
    let pending = 0;

    const write = (key: number): void => {
      const id = chance(0.2) ? anyone() : (cluster.leader()?.status().id ?? anyone());
      if (down.has(id)) return;
      pending++;
      const name = `k${key}`;
      unknown.push(name);
      const timeoutMs = chance(0.3) ? 30 : 0;
      void cluster.submit(id, `SET ${name} ${key}`, { timeoutMs }).then(({ result }) => {
        pending--;
        const outcome = result.kind === 'failed' ? result.failure.outcome : 'committed';
        if (outcome === 'committed') acknowledged.push(name);
        else if (outcome === 'rolled-back') rolledBack.push(name);
        if (outcome === 'committed') highest = Math.max(highest, key);
      });
    };
    /** A linearizable read must see what was acknowledged before it began, and nothing taken back. */
    const read = (): void => {
      const id = anyone();
      if (down.has(id) || acknowledged.length === 0) return;
      const key = acknowledged[Math.floor(random.float() * acknowledged.length)];
      void cluster.submit(id, `SELECT ${key}`).then(({ result, rows }) => {
        if (result.kind !== 'done') return;
        reads++;
        expect(`k${rows}`, `seed ${seed}: a read on ${id}`).toBe(key);
      });
    };

    cluster.snapshot = { entries: 15, trailing: 3 };
    await cluster.three();
    for (let step = 0; step < 250; step++) {
      for (let i = 0; i < 3; i++) write(step * 3 + i);
      read();
      if (chance(0.02) && down.size === 0) {
        const id = anyone();
        down.add(id);
        await cluster.crash(id);
      } else if (chance(0.1)) {
        for (const id of [...down]) {
          down.delete(id);
          await cluster.start(id, 'resume');
        }
      }
      if (chance(0.02)) cluster.isolate(anyone());
      if (chance(0.1)) cluster.network.heal();
      if (chance(0.02)) {
        const leader = cluster.leader();
        void leader?.transfer(0n).catch(() => undefined);
      }
      await cluster.run(random.float() * 20);
    }
    cluster.network.heal();
    for (const id of down) await cluster.start(id, 'resume');
    await cluster.run(3_000);
    const stores = ids.map((id) => cluster.process(id).store.published);
    for (const store of stores) {
      for (const key of acknowledged) expect(store.has(key), `seed ${seed}: ${key}`).toBe(true);
      for (const key of rolledBack) expect(store.has(key), `seed ${seed}: ${key}`).toBe(false);
      expect([...store].sort()).toEqual([...stores[0]].sort());
    }
    return { acknowledged: acknowledged.length, lost: rolledBack.length, reads };
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %d', async (seed) => {
    const { acknowledged, lost, reads } = await chaos(seed);
    expect(acknowledged).toBeGreaterThan(100);
    expect(lost).toBeGreaterThan(0);
    expect(reads).toBeGreaterThan(20);
  });
});

describe('with SQLite', () => {
  /** Values of all rows. */
  async function query(id: NodeId, sql: string, options: Partial<NodeRequest> = {}) {
    const batches: Uint8Array[] = [];
    const result = await cluster.until(
      new Promise<RequestResult>((resolve) => {
        const running = cluster.node(id).execute(request(sql, options), {
          rows: (batch) => {
            batches.push(batch);
            running?.credit(1);
          },
          end: resolve,
        });
      }),
    );
    if (result.kind === 'failed') throw new Error(`${sql}: ${result.failure.message}`);
    const reader = new ExtensionRowsReader();
    const rows: (readonly unknown[])[] = [];
    for (const batch of batches) reader.batch(batch, (values) => rows.push([...values]));
    return rows;
  }

  const digest = async (id: NodeId): Promise<string> => {
    const image = await cluster.until(cluster.node(id).image('main'));
    if (image === undefined) return '';
    const chunks: Buffer[] = [];
    const read = (async () => {
      for await (const chunk of image.chunks()) chunks.push(Buffer.from(chunk));
    })();
    await cluster.until(read);
    return Buffer.concat(chunks).toString('base64');
  };

  test('three nodes have the same pages; followers read; the leader is replaced', async () => {
    cluster.sql = true;
    await cluster.three();
    await query(1n, 'create table t(id integer primary key, v text)');
    const writes = Array.from({ length: 100 }, (_, i) =>
      cluster.submit(1n, `insert into t(v) values('row ${i}')`),
    );
    for (const { result } of await cluster.until(Promise.all(writes))) {
      expect(result.kind).toBe('done');
    }
    const { entriesProposed, transactionsProposed } = cluster.node(1n).status().counters;
    expect(transactionsProposed).toBe(101);
    expect(entriesProposed).toBeLessThan(60);
    expect(await query(2n, 'select count(*), max(v) from t')).toEqual([[100, 'row 99']]);
    await cluster.run(200);
    const [one, two, three] = [await digest(1n), await digest(2n), await digest(3n)];
    expect(two).toBe(one);
    expect(three).toBe(one);
    await cluster.crash(1n);
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect(await query(leader, 'select count(*) from t')).toEqual([[100]]);
    await query(leader, "insert into t(v) values('after')");
    await cluster.start(1n, 'resume');
    await cluster.run(500);
    expect(await query(1n, 'select v from t where id > 100')).toEqual([['after']]);
    expect(await digest(1n)).toBe(await digest(leader));
  });

  test('snapshots of real databases: taken, restored, installed', async () => {
    cluster.sql = true;
    cluster.snapshot = { entries: 20, trailing: 2 };
    await cluster.three();
    await query(1n, 'create table t(id integer primary key, v text)');
    await cluster.crash(3n);
    for (let i = 0; i < 60; i++) {
      await query(1n, `insert into t(v) values('${String(i).repeat(500)}')`);
    }
    await cluster.start(3n, 'resume');
    await cluster.when(() => cluster.node(3n).status().counters.snapshotsInstalled === 1);
    expect(await query(3n, 'select count(*) from t')).toEqual([[60]]);
    await query(1n, "insert into t(v) values('x')");
    expect(await query(3n, 'select count(*) from t')).toEqual([[61]]);
    expect(await digest(3n)).toBe(await digest(1n));
    for (const id of [1n, 3n]) {
      await cluster.crash(id);
      await cluster.start(id, 'resume');
    }
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect(await query(leader, 'select count(*) from t')).toEqual([[61]]);
  });

  test('a transaction of a session ends with leadership; another session goes on elsewhere', async () => {
    cluster.sql = true;
    await cluster.three();
    await query(1n, 'create table t(v)');
    let lost = 0;
    const session = cluster.node(1n).openSession({
      readOnly: false,
      transactionIdleMs: 0,
      transactionTotalMs: 0,
      lost: () => lost++,
    });
    const run = (sql: string) =>
      cluster.until(
        new Promise<RequestResult>((resolve) => {
          session.submit(request(sql, {}), { rows: () => undefined, end: resolve });
        }),
      );
    expect(await run('begin')).toMatchObject({ kind: 'done', inTransaction: true });
    expect(await run('insert into t values(1)')).toMatchObject({ kind: 'done' });
    await cluster.until(cluster.node(1n).transfer(2n));
    expect(lost).toBe(1);
    expect(await run('commit')).toMatchObject({ kind: 'failed' });
    session.close();
    expect(await query(2n, 'select count(*) from t')).toEqual([[0]]);
    await query(2n, 'insert into t values(2)');
    expect(await query(1n, 'select v from t')).toEqual([[2]]);
  });

  test('a unique violation is reported, and a big result arrives whole', async () => {
    cluster.sql = true;
    await cluster.start(1n, 'bootstrap');
    await query(1n, 'create table t(id integer primary key, v text)');
    await query(1n, "insert into t values(1, 'a')");
    const failed = await cluster.execute(1n, "insert into t values(1, 'b')");
    expect(failureOf(failed)).toMatchObject({ code: 'SQLITE_CONSTRAINT', dqliteCode: 1555 });
    const rows = await query(
      1n,
      'with recursive n(i) as (select 1 union all select i+1 from n where i < 50000) select i from n',
    );
    expect(rows.length).toBe(50_000);
  });

  test('describe, script and batch', async () => {
    cluster.sql = true;
    await cluster.three();
    const script: Work = {
      action: 'script',
      sql: 'create table t(v); insert into t values(1); insert into t values(2)',
      parameters: [],
      rows: 'drop',
    };
    expect((await cluster.execute(1n, '', { work: script })).result.kind).toBe('done');
    const parameters = { kind: 'positional', values: [] } as const;
    const batch: Work = {
      action: 'batch',
      mode: 'write',
      statements: [
        { sql: 'insert into t values(3)', parameters },
        { sql: 'select count(*) from t', parameters },
      ],
    };
    expect((await cluster.execute(1n, '', { work: batch })).result.kind).toBe('done');
    expect(await query(3n, 'select count(*) from t')).toEqual([[3]]);
    const described = await cluster.execute(2n, '', {
      work: { action: 'describe', sql: 'select v from t where v = ?' },
    });
    expect(described.result).toMatchObject({
      kind: 'described',
      description: { columns: ['v'], readonly: true },
    });
  });
});
