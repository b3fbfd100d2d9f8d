import type { Contestant } from './contest.ts';
import { type InProcess, inProcess, natives, overProtocol, type Timing } from './contestants.ts';
import type { ClientLoad } from './programs.ts';
import type { Stage } from './stage.ts';
import { BIG, type WorkName } from './works.ts';

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
  /** A rate that the product is to reach itself, each second. */
  readonly rate?: number;
  /** Rows that finish within seconds, for `npm run bench:quick`. */
  readonly quick: boolean;
  /** All who should take part; whoever is not among the contestants is told as missing. */
  readonly who: readonly string[];
  contestants(stage: Stage, timing: Timing): Promise<Contestant[]>;
  /** Ends what no later row needs. */
  after?(stage: Stage): Promise<void>;
}

const QUORATE = 'quorate';
const C = 'C dqlite';
const NATIVES = ['better-sqlite3', 'libsql'] as const;

function insertRow(
  id: string,
  title: string,
  goals: readonly Goal[],
  how: InProcess,
  besides: readonly (typeof NATIVES)[number][] = [],
): Row {
  return {
    ...{ id, title, goals, quick: true, who: [QUORATE, C, ...besides] },
    contestants: async (stage, timing) => [
      await inProcess(await stage.quorate(), timing, how),
      ...(await overProtocol(stage, timing, await stage.c(), {
        work: how.work === 'insert-scattered' ? 'random' : 'insert',
        connections: how.clients,
      })),
      ...(await natives(stage, timing, how.work, besides)),
    ],
  };
}

function protocolRow(
  id: string,
  title: string,
  goals: readonly Goal[],
  load: Pick<ClientLoad, 'work' | 'connections' | 'perSecond'>,
  kind: 'light' | 'go' = 'light',
): Row {
  return {
    ...{ id, title, goals, quick: true, who: [QUORATE, C] },
    contestants: async (stage, timing) => [
      ...(await overProtocol(stage, timing, await stage.quorate(), load, { kind })),
      ...(await overProtocol(stage, timing, await stage.c(), load, { kind })),
    ],
  };
}

/** The same where C's clients are promised a lease: a cluster of its own, which the last row ends. */
function leaseRow(connections: number, ratio: number, last = false): Row {
  const cluster = (stage: Stage) => stage.quorateFor('lease', { dqliteReads: 'lease' });
  return {
    id: `select-${connections}-lease`,
    title: `SELECT by key over the protocol, lease, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    ...{ goals: against(ratio), quick: false, who: [QUORATE, C] },
    contestants: async (stage, timing) => {
      const load = { work: 'select', connections } as const;
      return [
        ...(await overProtocol(stage, timing, await cluster(stage), load)),
        ...(await overProtocol(stage, timing, await stage.c(), load)),
      ];
    },
    after: async (stage) => {
      if (last) await (await cluster(stage)).stop();
    },
  };
}

function nativeRow(id: string, title: string, ratio: number | undefined, how: InProcess): Row {
  const goals = ratio === undefined ? [] : [{ against: 'better-sqlite3', ratio }];
  return {
    ...{ id, title, goals, quick: !isScan(how.work), who: [QUORATE, ...NATIVES] },
    contestants: async (stage, timing) => {
      if (isScan(how.work)) await stage.once('a million rows', () => fillBig(stage));
      const one = await inProcess(await stage.quorate(), timing, how);
      return [one, ...(await natives(stage, timing, how.work))];
    },
  };
}

async function fillBig(stage: Stage): Promise<void> {
  const cluster = await stage.quorate();
  await (await cluster.leader()).ask({ order: 'run', sql: BIG });
  for (const name of NATIVES) await (await stage.native(name))?.ask({ order: 'run', sql: BIG });
}

function isScan(work: WorkName): boolean {
  return work === 'aggregate' || work === 'group' || work === 'order';
}

/** Between any two nodes there and back; clients are near the leader. */
const DISTANCES_MS = [0.2, 2, 20, 80];

function distanceRows(roundTripMs: number): Row[] {
  const options = { roundTripMs };
  const purpose = `rtt-${roundTripMs}`;
  const row = (connections: number, last: boolean): Row => ({
    id: `${purpose}-${connections}`,
    title: `INSERT over the protocol, ${connections === 1 ? '1 connection' : `${connections} connections`}, ${roundTripMs} ms between nodes and back`,
    ...{ goals: [], quick: false, who: [QUORATE, C] },
    contestants: async (stage, timing) => {
      const load = { work: 'insert', connections } as const;
      return [
        ...(await overProtocol(stage, timing, await stage.quorateFor(purpose, options), load)),
        ...(await overProtocol(stage, timing, await stage.cFor(purpose, options), load)),
      ];
    },
    after: async (stage) => {
      if (!last) return;
      await (await stage.quorateFor(purpose, options)).stop();
      await (await stage.cFor(purpose, options))?.stop();
    },
  });
  return [row(1, false), row(64, true)];
}

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
    NATIVES,
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
  protocolRow(
    'insert-64-go',
    'INSERT with the go-dqlite driver, 64 connections',
    against(40),
    { work: 'insert', connections: 64 },
    'go',
  ),
  protocolRow(
    'select-64-go',
    'SELECT by key with the go-dqlite driver, 64 connections',
    [],
    { work: 'select', connections: 64 },
    'go',
  ),
  protocolRow('select-1', 'SELECT by key over the protocol, 1 connection', against(0.6), {
    ...{ work: 'select', connections: 1 },
  }),
  protocolRow('select-8', 'SELECT by key over the protocol, 8 connections', against(1), {
    ...{ work: 'select', connections: 8 },
  }),
  protocolRow('select-64', 'SELECT by key over the protocol, 64 connections', against(1.3), {
    ...{ work: 'select', connections: 64 },
  }),
  leaseRow(1, 0.5),
  leaseRow(8, 0.6),
  leaseRow(64, 0.9, true),
  nativeRow('select-local', 'SELECT by key in process, local', 1.5, {
    ...{ work: 'select-local', clients: 1 },
  }),
  {
    ...nativeRow(
      'select-linearizable',
      'SELECT by key in process, linearizable, 64 waiting',
      undefined,
      { work: 'select', clients: 64 },
    ),
    rate: 100_000,
  },
  nativeRow('select-lease', 'SELECT by key in process, lease, 64 waiting', undefined, {
    work: 'select',
    clients: 64,
    consistency: 'lease',
  }),
  {
    ...{ id: 'batch-1000', title: '1,000 rows as one batch (C: by one statement)', quick: true },
    ...{ goals: against(3), who: [QUORATE, C, ...NATIVES] },
    contestants: async (stage, timing) => {
      const one = { work: 'batch-1000', clients: 1 } as const;
      const statement = { work: 'rows', connections: 1 } as const;
      return [
        await inProcess(await stage.quorate(), timing, one),
        ...(await overProtocol(stage, timing, await stage.c(), statement)),
        ...(await natives(stage, timing, one.work)),
      ];
    },
  },
  protocolRow('rows-1000', '1,000 rows by one statement over the protocol', [], {
    ...{ work: 'rows', connections: 1 },
  }),
  protocolRow('statements-1000', 'statements of transactions of 1,000, 1 connection', against(1), {
    ...{ work: 'begin', connections: 1 },
  }),
  nativeRow('aggregate', 'aggregate over 1,000,000 rows', 0.5, {
    ...{ work: 'aggregate', clients: 1 },
  }),
  nativeRow('aggregate-2', 'aggregate over 1,000,000 rows, two at once beside one alone', 1, {
    ...{ work: 'aggregate', clients: 2 },
  }),
  nativeRow('group', 'GROUP BY over 1,000,000 rows', 0.5, { work: 'group', clients: 1 }),
  nativeRow('order', 'ORDER BY over 1,000,000 rows', 0.5, { work: 'order', clients: 1 }),
  protocolRow('open-100', 'open loop, 100 INSERTs due each second, 64 connections', [], {
    ...{ work: 'insert', connections: 64, perSecond: 100 },
  }),
  protocolRow('open-select', 'open loop, 500 SELECTs due each second, 64 connections', [], {
    ...{ work: 'select', connections: 64, perSecond: 500 },
  }),
  {
    ...{ id: 'open-1000', title: 'open loop, 1,000 INSERTs due each second, 64 connections' },
    // More than one transaction at a time for disk and network can take.
    ...{ goals: [], quick: true, who: [QUORATE] },
    contestants: async (stage, timing) => {
      const load = { work: 'insert', connections: 64, perSecond: 1_000 } as const;
      return await overProtocol(stage, timing, await stage.quorate(), load);
    },
  },
  ...DISTANCES_MS.flatMap(distanceRows),
];
