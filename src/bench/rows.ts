import type { Contestant } from './contest.ts';
import type { Figures } from './figures.ts';
import type { Order } from './load-order.ts';
import type { ClientLoad } from './programs.ts';
import type { Stage } from './stage.ts';
import { BIG, ROWS, type WorkName } from './works.ts';

/** A ratio that the product is to reach: of its rate to that of a peer, at least. */
export interface Goal {
  readonly against: string;
  readonly ratio: number;
}

/** One row of the table. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly goals: readonly Goal[];
  /** Rows that finish within seconds, for `npm run bench:quick`. */
  readonly quick: boolean;
  contestants(stage: Stage, timing: Timing): Promise<Contestant[]>;
}

export interface Timing {
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

type Consistency = (Order & { readonly order: 'load' })['consistency'];

interface InProcess {
  readonly work: WorkName;
  readonly clients: number;
  readonly on?: 'leader' | 'follower';
  readonly consistency?: Consistency;
}

/** Quorate through its programming interface, in the process of a node. */
async function inProcess(
  stage: Stage,
  timing: Timing,
  { work, clients, on = 'leader', consistency }: InProcess,
): Promise<Contestant> {
  const cluster = await stage.quorate();
  const run = async (): Promise<Figures> => {
    const node = on === 'leader' ? await cluster.leader() : await cluster.follower();
    return await node.load({ work, clients, ...timing, ...(consistency ? { consistency } : {}) });
  };
  return { name: 'quorate', pids: cluster.pids, run };
}

/** A server of the dqlite protocol under the light client. */
async function overProtocol(
  stage: Stage,
  timing: Timing,
  who: 'quorate' | 'c',
  load: Pick<ClientLoad, 'work' | 'connections'>,
): Promise<Contestant[]> {
  const client = await stage.lightClient();
  const cluster = who === 'quorate' ? await stage.quorate() : await stage.c();
  if (client === undefined || cluster === undefined) return [];
  const run = async (): Promise<Figures> =>
    await client.load({ address: await cluster.leaderAddress(), ...timing, ...load }, ROWS);
  return [{ name: cluster.name, pids: cluster.pids, run }];
}

async function native(stage: Stage, timing: Timing, work: WorkName): Promise<Contestant[]> {
  const process = await stage.betterSqlite3();
  if (process === undefined) return [];
  const run = (): Promise<Figures> => process.load({ work, clients: 1, ...timing });
  return [{ name: 'better-sqlite3', pids: [process.pid], run }];
}

function insertRow(
  id: string,
  title: string,
  goals: readonly Goal[],
  how: InProcess,
  besides: readonly 'better-sqlite3'[] = [],
): Row {
  return {
    ...{ id, title, goals, quick: true },
    contestants: async (stage, timing) => [
      await inProcess(stage, timing, how),
      ...(await overProtocol(stage, timing, 'c', {
        work: how.work === 'insert-scattered' ? 'random' : 'insert',
        connections: how.clients,
      })),
      ...(besides.length > 0 ? await native(stage, timing, how.work) : []),
    ],
  };
}

function protocolRow(
  id: string,
  title: string,
  goals: readonly Goal[],
  load: Pick<ClientLoad, 'work' | 'connections'>,
): Row {
  return {
    ...{ id, title, goals, quick: true },
    contestants: async (stage, timing) => [
      ...(await overProtocol(stage, timing, 'quorate', load)),
      ...(await overProtocol(stage, timing, 'c', load)),
    ],
  };
}

function nativeRow(id: string, title: string, ratio: number, how: InProcess): Row {
  return {
    ...{ id, title, goals: [{ against: 'better-sqlite3', ratio }], quick: !isScan(how.work) },
    contestants: async (stage, timing) => {
      const one = await inProcess(stage, timing, how);
      const other = await native(stage, timing, how.work);
      if (isScan(how.work)) {
        const cluster = await stage.quorate();
        await (await cluster.leader()).ask({ order: 'run', sql: BIG });
        await (await stage.betterSqlite3())?.ask({ order: 'run', sql: BIG });
      }
      return [one, ...other];
    },
  };
}

function isScan(work: WorkName): boolean {
  return work === 'aggregate' || work === 'group' || work === 'order';
}

const C = 'C dqlite';
const against = (ratio: number): Goal[] => [{ against: C, ratio }];

/** The table, in its order. */
export const ALL_ROWS: readonly Row[] = [
  insertRow('insert-1', 'single-row INSERT, 1 client in process', against(2), {
    ...{ work: 'insert', clients: 1 },
  }),
  insertRow(
    'insert-64',
    'INSERT, 64 clients in process on the leader',
    [...against(80), { against: 'better-sqlite3', ratio: 5 }],
    { work: 'insert', clients: 64 },
    ['better-sqlite3'],
  ),
  insertRow('insert-64-follower', 'INSERT, 64 clients in process on a follower', against(40), {
    ...{ work: 'insert', clients: 64, on: 'follower' },
  }),
  insertRow('insert-64-scattered', 'INSERT, 64 clients, random keys, two indexes', [], {
    ...{ work: 'insert-scattered', clients: 64 },
  }),
  protocolRow('insert-1-protocol', 'INSERT over the protocol, 1 connection', [], {
    ...{ work: 'insert', connections: 1 },
  }),
  protocolRow('insert-64-protocol', 'INSERT over the protocol, 64 connections', against(40), {
    ...{ work: 'insert', connections: 64 },
  }),
  protocolRow('select-1', 'SELECT by key over the protocol, 1 connection', against(0.6), {
    ...{ work: 'select', connections: 1 },
  }),
  protocolRow('select-8', 'SELECT by key over the protocol, 8 connections', against(1), {
    ...{ work: 'select', connections: 8 },
  }),
  protocolRow('select-64', 'SELECT by key over the protocol, 64 connections', against(1.3), {
    ...{ work: 'select', connections: 64 },
  }),
  nativeRow('select-local', 'SELECT by key in process, local', 1.5, {
    ...{ work: 'select-local', clients: 1 },
  }),
  nativeRow('select-linearizable', 'SELECT by key in process, linearizable, 64 waiting', 0, {
    ...{ work: 'select', clients: 64 },
  }),
  nativeRow('batch-1000', '1,000 rows as one batch', 0, { work: 'batch-1000', clients: 1 }),
  protocolRow('statements-1000', 'statements of transactions of 1,000, 1 connection', against(1), {
    ...{ work: 'begin', connections: 1 },
  }),
  nativeRow('aggregate', 'aggregate over 1,000,000 rows', 0.5, {
    ...{ work: 'aggregate', clients: 1 },
  }),
  nativeRow('group', 'GROUP BY over 1,000,000 rows', 0.5, { work: 'group', clients: 1 }),
  nativeRow('order', 'ORDER BY over 1,000,000 rows', 0.5, { work: 'order', clients: 1 }),
];
