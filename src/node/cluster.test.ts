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
import type { FromMachine, FromReader, ToMachine, ToReader } from '../machine/index.ts';
import { Server } from '../server/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { SimulatedNetwork } from '../sim/network.ts';
import { simulatedPorts } from '../sim/ports.ts';
import { ProcessClock, Scheduler } from '../sim/scheduler.ts';
import type { Consistency, NodeEvent, NodeRequest, RequestResult } from './contract.ts';
import { Node } from './node.ts';
import type { NodeOptions } from './options.ts';
import { FakeMachine, FakeReader, FakeStore } from './testing/fake-machine.ts';

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
    process.machine = new FakeMachine(machineEnd, process.store);
    process.reader = new FakeReader(readerEnd, process.store);
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
