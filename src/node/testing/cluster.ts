import { readFileSync } from 'node:fs';
import {
  type Connection,
  type ConnectionEvents,
  fromUtf8,
  LIMITS,
  logIndex,
  type NodeId,
  SeededRandom,
  silent,
} from '../../base/index.ts';
import { compileSqlite } from '../../engine/index.ts';
import {
  type FromMachine,
  type FromReader,
  Machine,
  Reader,
  type ToMachine,
  type ToReader,
} from '../../machine/index.ts';
import { Server } from '../../server/index.ts';
import { SimulatedDisk } from '../../sim/disk.ts';
import { CALM_NETWORK, SimulatedNetwork } from '../../sim/network.ts';
import { simulatedPorts } from '../../sim/ports.ts';
import { ProcessClock, Scheduler } from '../../sim/scheduler.ts';
import { EXTENSION_REQUEST, encodeClientResponse } from '../../wire/index.ts';
import type { Consistency, NodeEvent, NodeRequest, RequestResult } from '../contract.ts';
import { Node } from '../node.ts';
import type { NodeOptions } from '../options.ts';
import { FakeMachine, FakeReader, FakeStore } from './fake-machine.ts';

const SQLITE = compileSqlite(
  readFileSync(
    new URL('../../../node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm', import.meta.url),
  ),
);
const DELAYS = { lowestMs: 0.02, highestMs: 0.2, holdRate: 0, holdMs: 0 };
const FAULTS = { ...CALM_NETWORK, latencyMs: 0.3, jitterMs: 0.2 };

export interface Outcome {
  readonly result: RequestResult;
  readonly rows: string;
}

/** One process: node, server, stand-ins for the SQL side. */
export class Process {
  readonly id: NodeId;
  readonly address: string;
  disk: SimulatedDisk;
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

export class Cluster {
  readonly scheduler = new Scheduler();
  readonly random = new SeededRandom(7);
  readonly network = new SimulatedNetwork(this.scheduler, this.random, FAULTS);
  readonly processes = new Map<NodeId, Process>();
  snapshot: NodeOptions['snapshot'];
  heartbeatMs = 20;
  /** Nodes that answer the Hello of our extension as C does. */
  readonly answersAsC = new Set<NodeId>();
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
        heartbeatMs: this.heartbeatMs,
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
      dqliteReads: 'linearizable',
      logger: silent,
      clock,
      acceptRaft: (connection, peer, from, rest) => node.acceptRaft(connection, peer, from, rest),
    });
    if (this.answersAsC.has(id)) {
      await this.until(network.listen(address, (connection) => server.accept(likeC(connection))));
    } else await this.until(server.listen(network, address));
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

  /** Its disk is empty when it starts again. */
  wipe(id: NodeId): void {
    this.process(id).disk = new SimulatedDisk({ random: this.random });
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

  /** No node found a broken invariant. */
  expectNoneStopped(): void {
    for (const { events } of this.processes.values()) {
      for (const event of events) if (event.kind === 'stopped') throw new Error(event.reason);
    }
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

export function request(sql: string, options: Partial<NodeRequest>): NodeRequest {
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
    declaration: '',
    timeoutMs: 0,
    ...options,
  };
}

/** Refuses what begins with the Hello of our extension: protocol version, header, type. */
function likeC(connection: Connection): Connection {
  let received = 0;
  const start = (events: ConnectionEvents): void =>
    connection.start({
      ...events,
      data: (bytes) => {
        const type = bytes[8 + 4 - received];
        received += bytes.length;
        if (type !== EXTENSION_REQUEST.hello) events.data(bytes);
        else connection.write(encodeClientResponse({ type: 'failure', code: 1005, message: 'no' }));
      },
    });
  return new Proxy(connection, {
    get: (target, name) => {
      if (name === 'start') return start;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export function failureOf(outcome: Outcome) {
  if (outcome.result.kind !== 'failed') throw new Error(`it was ${outcome.result.kind}`);
  return outcome.result.failure;
}
