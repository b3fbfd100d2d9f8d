import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS, type Limits, silent } from '../../src/base/index.ts';
import { compileSqlite } from '../../src/engine/index.ts';
import {
  type FromMachine,
  type FromReader,
  Machine,
  Reader,
  type ToMachine,
  type ToReader,
} from '../../src/machine/index.ts';
import {
  localPorts,
  openDisk,
  SystemRandom,
  sha256,
  systemClock,
  TcpNetwork,
} from '../../src/net/index.ts';
import { Node } from '../../src/node/index.ts';
import { Server, type ServerOptions } from '../../src/server/index.ts';

const SQLITE = compileSqlite(
  readFileSync(
    new URL('../../node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm', import.meta.url),
  ),
);

/** One real node on one thread, with real sockets and a real directory. */
export interface SingleNode {
  readonly node: Node;
  readonly server: Server;
  /** Where it listens; `address` is what it calls itself. */
  readonly listening: string;
  close(): Promise<void>;
}

export async function startSingleNode(
  address: string,
  limits: Partial<Limits> = {},
  dqliteReads: ServerOptions['dqliteReads'] = 'linearizable',
): Promise<SingleNode> {
  const path = mkdtempSync(join(tmpdir(), 'quorate-server-'));
  const network = new TcpNetwork();
  const all = { ...LIMITS, ...limits };
  const [machinePort, machineEnd] = localPorts<ToMachine, FromMachine>();
  const [readerPort, readerEnd] = localPorts<ToReader, FromReader>();
  const shared = { module: SQLITE, clock: systemClock, random: new SystemRandom(), limits: all };
  const machine = new Machine({ ...shared, port: machineEnd });
  const reader = new Reader({ ...shared, port: readerEnd, directory: machine.directory });
  const node = await Node.start({
    id: 1n,
    address,
    disk: await openDisk(path, { log: silent }),
    network,
    clock: systemClock,
    random: shared.random,
    logger: silent,
    machine: machinePort,
    readers: [readerPort],
    start: 'bootstrap',
    limits,
    electionTimeoutMs: 300,
    heartbeatMs: 50,
    failureDomain: 0n,
  });
  const server = new Server({
    services: node,
    hash: sha256,
    limits: all,
    dqliteReads,
    logger: silent,
    clock: systemClock,
    acceptRaft: (connection, id, from, rest) => node.acceptRaft(connection, id, from, rest),
  });
  const listening = await server.listen(network, '127.0.0.1:0');
  while (!node.isLeader()) await new Promise((resolve) => setTimeout(resolve, 5));
  return {
    node,
    server,
    listening,
    close: async () => {
      await server.close();
      await node.stop();
      reader.close();
      machine.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}
