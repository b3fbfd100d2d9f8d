import type { CCluster } from './c-cluster.ts';
import type { Contestant } from './contest.ts';
import type { Figures } from './figures.ts';
import type { Order } from './load-order.ts';
import type { PackageName } from './peer-packages.ts';
import type { ClientLoad } from './programs.ts';
import type { QuorateCluster } from './quorate-cluster.ts';
import type { Stage } from './stage.ts';
import { ROWS, type WorkName } from './works.ts';

export interface Timing {
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

type LoadOf = Order & { readonly order: 'load' };

/** A load through the programming interface, in the process of a node. */
export interface InProcess {
  readonly work: WorkName;
  readonly clients: number;
  readonly on?: 'leader' | 'follower';
  readonly consistency?: LoadOf['consistency'];
  readonly perSecond?: LoadOf['perSecond'];
}

/** Quorate through its programming interface. */
export async function inProcess(
  cluster: QuorateCluster,
  timing: Timing,
  { work, clients, on = 'leader', consistency, perSecond }: InProcess,
  name = cluster.name,
): Promise<Contestant> {
  const run = async (): Promise<Figures> => {
    const node = on === 'leader' ? await cluster.leader() : await cluster.follower();
    return await node.load({
      ...{ work, clients, ...timing },
      ...(consistency ? { consistency } : {}),
      ...(perSecond ? { perSecond } : {}),
    });
  };
  return { name, pids: cluster.pids, directories: cluster.directories, run };
}

/** A server of the dqlite protocol under the light client or the go-dqlite driver. */
export async function overProtocol(
  stage: Stage,
  timing: Timing,
  cluster: QuorateCluster | CCluster | undefined,
  load: Pick<ClientLoad, 'work' | 'connections' | 'perSecond'>,
  {
    kind = 'light',
    name = cluster?.name ?? '',
  }: { readonly kind?: 'light' | 'go'; readonly name?: string } = {},
): Promise<Contestant[]> {
  const client = await stage.client(kind);
  if (client === undefined || cluster === undefined) return [];
  const run = async (): Promise<Figures> =>
    await client.load({ address: await cluster.leaderAddress(), ...timing, ...load }, ROWS);
  return [{ name, pids: cluster.pids, directories: cluster.directories, run }];
}

/** Unreplicated engines, each alone with one client. */
export async function natives(
  stage: Stage,
  timing: Timing,
  work: WorkName,
  names: readonly PackageName[] = ['better-sqlite3', 'libsql'],
): Promise<Contestant[]> {
  const all = await Promise.all(
    names.map(async (name) => ({ name, process: await stage.native(name) })),
  );
  return all.flatMap(({ name, process }) => {
    if (process === undefined) return [];
    const run = (): Promise<Figures> => process.load({ work, clients: 1, ...timing });
    return [{ name, pids: [process.pid], directories: [], run }];
  });
}
