import {
  type Connection,
  type Disk,
  DiskError,
  LIMITS,
  type Limits,
  type Logger,
  QuorateError,
  randomId,
} from '../base/index.ts';
import { openDisk, SystemRandom, sha256, systemClock, TcpNetwork } from '../net/index.ts';
import { FoundDirectory, Node, type NodeEvent, type NodeStatus } from '../node/index.ts';
import { Server } from '../server/index.ts';
import type { Confirmed, Level } from './confirmations.ts';
import { FreshnessTeller } from './freshness-teller.ts';
import type { FreshnessWord } from './freshness-word.ts';
import { HeldDisk } from './held-disk.ts';
import { writeIdentity } from './identity.ts';
import { JoinTask } from './join.ts';
import { Keeper } from './keeper.ts';
import { readAddresses, writeAddresses } from './membership-file.ts';
import type { NodeOptions } from './options.ts';
import { finishJoin, markFresh, markJoining } from './start-flags.ts';
import { planStart, type StartPlan } from './start-plan.ts';
import type { SqlSide } from './threads.ts';

/** Options that can be posted to another thread. */
export type CoreOptions = Omit<NodeOptions, 'signal' | 'log'>;

export interface CoreIdentity {
  readonly id: bigint;
  readonly address: string;
}

/** The consensus side of a node: node, server, joining and roles, on the thread that runs it. */
export class Core implements CoreIdentity {
  readonly id: bigint;
  readonly address: string;
  readonly #node: Node;
  readonly #server: Server;
  readonly #sql: SqlSide;
  readonly #keeper: Keeper;
  readonly #join: JoinTask | undefined;
  #freshness: FreshnessTeller | undefined;
  #closing: Promise<void> | undefined;

  private constructor(parts: {
    plan: StartPlan;
    node: Node;
    server: Server;
    sql: SqlSide;
    keeper: Keeper;
    join: JoinTask | undefined;
  }) {
    this.id = parts.plan.identity.id;
    this.address = parts.plan.identity.address;
    this.#node = parts.node;
    this.#server = parts.server;
    this.#sql = parts.sql;
    this.#keeper = parts.keeper;
    this.#join = parts.join;
  }

  /**
   * Opens the directory, starts the node and listens. Throws QuorateError: DIRECTORY_LOCKED,
   * DIRECTORY_OF_ANOTHER_NODE, ADDRESS_IN_USE, what `Node.start` throws; everything opened is closed again.
   */
  static async start(
    options: CoreOptions,
    sql: (limits: Limits) => SqlSide,
    log: Logger,
    listener: (event: NodeEvent) => void,
  ): Promise<Core> {
    const limits: Limits = { ...LIMITS, ...options.limits };
    const random = new SystemRandom();
    const network = new TcpNetwork();
    const disk = await HeldDisk.hold(await openDirectory(options.dir, log));
    let sqlSide: SqlSide | undefined;
    let node: Node | undefined;
    let server: Server | undefined;
    try {
      // Its threads come up while the disk is read.
      sqlSide = sql(limits);
      const found = await FoundDirectory.read(disk, sqlSide.machine);
      const facts = found.facts(options.address);
      const plan = await planStart(disk, options, facts, () => randomId(random));
      if (plan.isNew && !facts.hasEntries) await found.forgetFloor();
      if (plan.reason !== undefined) log('warn', plan.reason);
      const servers = plan.mode === 'join' ? await serversToJoin(disk, options) : [];
      node = await Node.start(
        {
          id: plan.identity.id,
          address: plan.identity.address,
          disk,
          network,
          clock: systemClock,
          random,
          logger: log,
          machine: sqlSide.machine,
          readers: sqlSide.readers,
          briefReader: sqlSide.briefReader,
          electionTimeoutMs: options.electionTimeoutMs,
          heartbeatMs: options.heartbeatMs,
          start: plan.mode === 'join' ? 'wait' : plan.mode,
          failureDomain: BigInt(options.failureDomain ?? 0),
          snapshot: snapshotOptions(options),
          limits: options.limits,
        },
        found,
      );
      node.weight = BigInt(options.weight ?? 0);
      node.on(listener);
      const running = node;
      server = new Server({
        services: running,
        hash: sha256,
        limits,
        dqliteReads: options.dqliteReads ?? 'linearizable',
        logger: log,
        clock: systemClock,
        acceptRaft: (connection, id, address, rest) =>
          running.acceptRaft(connection, id, address, rest),
      });
      await listen(server, network, options.bind ?? options.address);
      if (plan.mode === 'join') await writeAddresses(disk, servers);
      if (plan.mode === 'join' && plan.isNew) await markJoining(disk);
      const isFresh = !facts.hasEntries && plan.mode !== 'bootstrap' && plan.mode !== 'quarantine';
      if (plan.isNew && isFresh) await markFresh(disk);
      if (plan.isNew) await writeIdentity(disk, plan.identity);
      if (node.status().quarantined) log('error', QUARANTINED, { id: plan.identity.id });
      const context = { node, disk, network, random, log };
      const keeper = new Keeper(context, options.roles, isFresh);
      keeper.start();
      const join =
        plan.mode === 'join'
          ? new JoinTask(context, plan.identity, servers, () => finishJoin(disk))
          : undefined;
      join?.start();
      return new Core({ plan, node, server, sql: sqlSide, keeper, join });
    } catch (error) {
      await server?.close();
      await node?.stop();
      await sqlSide?.close();
      await disk.release();
      throw startFailure(error);
    }
  }

  status(): NodeStatus {
    return this.#node.status();
  }

  /** From now on `word` says how current this replica is. */
  tellFreshness(word: FreshnessWord): void {
    this.#freshness?.stop();
    this.#freshness = new FreshnessTeller(this.#node, word);
  }

  /** See `Node.confirm`. */
  confirm(level: Level, done: Confirmed): void {
    this.#node.confirm(level, done);
  }

  /** Serves a client in this process. */
  accept(connection: Connection): void {
    this.#server.accept(connection);
  }

  /** Hands leadership over if asked, then ends everything. Idempotent. */
  close(handover: boolean): Promise<void> {
    this.#closing ??= this.#close(handover);
    return this.#closing;
  }

  async #close(handover: boolean): Promise<void> {
    this.#join?.stop();
    await this.#keeper.stop(handover);
    if (handover) await this.#server.drain(DRAIN_MS);
    this.#freshness?.stop();
    await this.#server.close();
    await this.#node.stop();
    await this.#sql.close();
  }
}

/** Those that are named now, else those that were named when the node began to join. */
async function serversToJoin(disk: Disk, options: CoreOptions): Promise<readonly string[]> {
  const named = options.join ?? [];
  const servers = named.length > 0 ? named : await readAddresses(disk);
  if (servers.length > 0) return servers;
  throw new QuorateError(
    'OPTIONS',
    `${disk.path} belongs to a node that has not joined its cluster yet; start it with --join and the addresses of members`,
  );
}

/** Answers that are on their way at a planned end may take so long. */
const DRAIN_MS = 2_000;

const QUARANTINED =
  'this node is quarantined: it may have lost what it acknowledged, so it neither votes nor acknowledges. ' +
  'To bring the machine back, stop it, empty its directory and start it with --join and the addresses of ' +
  'other members: it joins under a new id and the old one is removed';

/** What an operator sees when the disk fails before the log is open. */
function startFailure(error: unknown): unknown {
  if (!(error instanceof DiskError)) return error;
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
  return new QuorateError(full ? 'DISK_FULL' : 'DISK_FAILED', `cannot start: ${error.message}`, {
    cause: error,
  });
}

function snapshotOptions(options: CoreOptions): { entries?: number; trailing?: number } {
  const { threshold, trailing } = options.snapshot ?? {};
  return {
    ...(threshold === undefined ? {} : { entries: threshold }),
    ...(trailing === undefined ? {} : { trailing }),
  };
}

async function openDirectory(path: string, log: Logger): Promise<Disk> {
  try {
    return await openDisk(path, { log });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuorateError('DIRECTORY_UNUSABLE', `the data directory cannot be used: ${reason}`, {
      cause,
    });
  }
}

async function listen(server: Server, network: TcpNetwork, address: string): Promise<void> {
  try {
    await server.listen(network, address);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new QuorateError('ADDRESS_IN_USE', `another process listens on ${address}`, { cause });
    }
    if (cause instanceof QuorateError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuorateError('CANNOT_LISTEN', `cannot listen on ${address}: ${reason}`, { cause });
  }
}
