import {
  type Clock,
  LIMITS,
  type Limits,
  type Port,
  type Random,
  unreachable,
} from '../base/index.ts';
import { createEngine } from '../engine/index.ts';
import { SlotArena } from '../pages/index.ts';
import { ClusterState } from './cluster-state.ts';
import { Cuts } from './cuts.ts';
import { Drainer } from './drainer.ts';
import { Executor } from './executor.ts';
import { RAW_CODE } from './failure.ts';
import type { Job } from './job.ts';
import { MachineCore } from './machine-core.ts';
import type {
  FromMachine,
  MachineStatistics,
  SessionMessage,
  SqlFailure,
  ToMachine,
} from './messages.ts';
import { Sealer } from './sealer.ts';
import { SqlGuard } from './sql-guard.ts';
import { type DirectoryMessage, StoreDirectory } from './store-directory.ts';
import { TransactionKeeper } from './transaction-keeper.ts';
import { WriteQueue } from './write-queue.ts';

export interface MachineOptions {
  /** To the node. */
  readonly port: Port<FromMachine, ToMachine>;
  /** One port to each reader in another thread, which gets its end as `SharedDirectory`. */
  readonly readers?: readonly Pick<Port<DirectoryMessage, never>, 'post' | 'drain'>[];
  /** SQLite, compiled by `compileSqlite`. */
  readonly module: WebAssembly.Module;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<Limits>;
  /**
   * How long one statement may keep the thread, in ms; what takes longer fails with STATEMENT_TOO_LONG. For a machine on the thread
   * that also runs consensus (M8). 0 = no limit, the default.
   */
  readonly statementMs?: number;
  /** Memory for pages; a new one by default. */
  readonly arena?: SlotArena;
}

/** Messages that can be handled while SQL runs: they touch pages at most. */
const IMMEDIATE = new Set<ToMachine['kind']>([
  'publish',
  'advance',
  'gate',
  'limits',
  'members',
  'cut',
  'read-cut',
  'release-cut',
  'cut-database',
  'statistics',
]);

/**
 * The replicated state machine: databases as page stores, sessions' SQL on them, what consensus has decided. Driven by messages
 * alone; owns the SQL thread. Between two messages it does everything that is possible, then seals (M8).
 */
export class Machine {
  readonly #port: Port<FromMachine, ToMachine>;
  readonly #core: MachineCore;
  readonly #guard: SqlGuard;
  readonly #queue: WriteQueue;
  readonly #keeper: TransactionKeeper;
  readonly #executor: Executor;
  readonly #sealer: Sealer;
  readonly #state: ClusterState;
  readonly #cuts: Cuts;
  readonly #drainer: Drainer;
  /** What arrived and waits for the end of what runs: consensus first, whoever asks for SQL later. */
  readonly #decisions: ToMachine[] = [];
  readonly #requests: SessionMessage[] = [];
  #inTurn = false;
  #dead = false;
  /** Where readers on the same thread find the databases; on another thread: `MachineOptions.readers`. */
  readonly directory: StoreDirectory;

  constructor(options: MachineOptions) {
    this.#port = options.port;
    const { clock } = options;
    const limits: Limits = { ...LIMITS, ...options.limits };
    const arena = options.arena ?? new SlotArena();
    const readers = options.readers ?? [];
    this.directory = new StoreDirectory((message) => {
      for (const reader of readers) {
        reader.post(message);
        // At once: what uses it may be published before this turn ends (S7).
        reader.drain();
      }
    });
    for (const [index, buffer] of arena.slabs().entries()) this.directory.slab(index, buffer);
    arena.onSlab = (index, buffer) => this.directory.slab(index, buffer);
    this.#guard = new SqlGuard(
      clock,
      () => {
        this.#port.drain();
        if (!this.#guard.hasUnansweredCommit) this.#sealer.run();
      },
      options.statementMs,
      this.#requests,
    );
    this.#core = new MachineCore({
      createEngine: () =>
        createEngine(options.module, {
          clock,
          random: options.random,
          transactionBytes: limits.transactionBytes,
        }),
      arena,
      clock,
      limits,
      guard: this.#guard,
      directory: this.directory,
      post: (message, transfer) => this.#port.post(message, transfer),
    });
    const core = this.#core;
    core.inTurn = (action) => this.#turn(action);
    const fail = (job: Job, reason: SqlFailure) => this.#executor.requests.fail(job, reason);
    this.#queue = new WriteQueue(core, fail);
    this.#keeper = new TransactionKeeper(core, this.#queue, fail);
    this.#sealer = new Sealer(core);
    this.#executor = new Executor(
      core,
      this.#queue,
      this.#keeper,
      this.#sealer,
      () => this.#decisions.length > 0,
    );
    this.#state = new ClusterState(
      core,
      this.#executor.requests,
      this.#queue,
      this.#keeper,
      this.#sealer,
    );
    this.#cuts = new Cuts(core);
    this.#drainer = new Drainer(core, this.#keeper, this.#queue, this.#sealer);
    this.#port.onMessage((message) => this.#arrive(message));
  }

  /** Runs something, then everything that it made possible; the one place where the machine works. */
  #turn(action: () => void): void {
    if (this.#dead) return;
    if (this.#inTurn) {
      action();
      return;
    }
    this.#inTurn = true;
    this.#protect(() => {
      action();
      this.#settle();
    });
    this.#inTurn = false;
  }

  /** A broken invariant ends the machine: it never goes on with a doubt. */
  #protect(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#dead = true;
      const { running } = this.#guard;
      if (running !== undefined) running.stop = 'closed';
      const message =
        error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : `${error}`;
      this.#port.post({ kind: 'fatal', message });
    }
  }

  #arrive(message: ToMachine): void {
    if (this.#dead) return;
    if (this.#guard.running !== undefined) {
      this.#protect(() => this.#arriveDuringSql(message));
      return;
    }
    this.#defer(message);
    // What has arrived with it belongs to the same turn: one seal for all of it.
    if (!this.#inTurn) this.#turn(() => this.#port.drain());
  }

  #defer(message: ToMachine): void {
    if (isSessionMessage(message)) this.#requests.push(message);
    else this.#decisions.push(message);
  }

  /** Only what needs no SQL is done at once; the order among decisions is kept. */
  #arriveDuringSql(message: ToMachine): void {
    const { running } = this.#guard;
    if (this.#isImmediate(message) && this.#decisions.length === 0) {
      this.#handle(message);
      this.#state.announce();
      return;
    }
    if (running !== undefined) {
      if (message.kind === 'interrupt' && running.submit.request === message.request) {
        running.stop ??= 'interrupt';
        return;
      }
      if (message.kind === 'close-session' && running.session.id === message.session) {
        running.stop ??= 'closed';
      }
      if (message.kind === 'drain') this.#guard.graceEnd = this.#core.clock.now() + message.graceMs;
      if (message.kind === 'unlead' || message.kind === 'refused') {
        running.stop ??= 'epoch';
        this.#guard.refusal = RAW_CODE.notLeader;
      }
    }
    this.#defer(message);
  }

  #isImmediate(message: ToMachine): boolean {
    // The publication of a deletion closes connections, perhaps the very one that runs.
    if (message.kind === 'publish' && this.#core.databases.get(message.database)?.deleting) {
      return false;
    }
    return IMMEDIATE.has(message.kind);
  }

  #settle(): void {
    for (;;) {
      const decision = this.#decisions.shift();
      if (decision !== undefined) {
        this.#handle(decision);
        continue;
      }
      const job = this.#executor.requests.ready.shift();
      if (job !== undefined) {
        this.#executor.requests.run(job);
        continue;
      }
      const request = this.#requests.shift();
      if (request !== undefined) {
        this.#handle(request);
        continue;
      }
      if (this.#queue.woken) {
        this.#queue.pump((waiting) => this.#executor.requests.run(waiting));
        continue;
      }
      this.#drainer.run();
      // A seal makes room for those that wait because too much is unsealed.
      if (this.#sealer.run()) this.#queue.woken = true;
      else break;
    }
    this.#core.renewEngine();
    this.#core.collectRetired();
    this.#state.announce();
  }

  #handle(message: ToMachine): void {
    switch (message.kind) {
      case 'submit':
        this.#executor.requests.submit(message);
        return;
      case 'credit':
        this.#executor.requests.credit(message.request, message.batches);
        return;
      case 'interrupt':
        this.#executor.requests.interrupt(message.request);
        return;
      case 'close-session':
        this.#executor.requests.closeSession(message.session);
        return;
      case 'lead':
        this.#state.lead(message.epoch);
        return;
      case 'unlead':
      case 'refused':
        this.#state.endEpoch(message.epoch);
        return;
      case 'publish':
        this.#state.publish(message);
        return;
      case 'apply':
        this.#state.apply(message);
        return;
      case 'advance':
        this.#state.advance(message.index);
        return;
      case 'gate':
        this.#core.gateOpen = message.open;
        this.#queue.woken = true;
        return;
      case 'limits':
        this.#core.unsealedPages = message.unsealedPages;
        this.#core.mayDelete = message.deletion ?? true;
        this.#core.fenced = message.fenced ?? this.#core.fenced;
        this.#queue.woken = true;
        return;
      case 'members':
        this.#core.memberIds = new Set(message.ids);
        return;
      case 'drain':
        this.#drainer.begin(message.id, message.graceMs);
        return;
      case 'resume':
        this.#drainer.end();
        return;
      default:
        this.#handleContent(message);
        return;
    }
  }

  #handleContent(message: ContentMessage): void {
    switch (message.kind) {
      case 'cut':
        this.#cuts.all(message.id);
        return;
      case 'read-cut':
        this.#cuts.read(message.id, message.bytes);
        return;
      case 'release-cut':
        this.#cuts.release(message.id);
        return;
      case 'cut-database':
        this.#cuts.one(message.id, message.database);
        return;
      case 'restore-begin':
        this.#state.restoreBegin(message);
        return;
      case 'restore-chunk':
        this.#state.restoreChunk(message);
        return;
      case 'restore-check':
        this.#state.restoreCheck(message);
        return;
      case 'restore-end':
        this.#state.restoreEnd(message);
        return;
      case 'statistics':
        this.#port.post({ kind: 'statistics', id: message.id, statistics: this.statistics() });
        return;
      default:
        unreachable(message);
    }
  }

  statistics(): MachineStatistics {
    const { databases, arena, applied } = this.#core;
    const { slots, free } = arena.statistics();
    let queue = 0;
    for (const { waiting, starting } of databases.values()) queue += waiting.size + starting.size;
    return {
      applied,
      databases: [...databases.values()].map(({ name, store, transactions, seals }) => ({
        name,
        pages: store.published.pages,
        transactions,
        seals,
      })),
      slots,
      slotsFree: free,
      wasmBytes: this.#core.engine.memoryBytes,
      queue,
      connections: this.#core.engine.connections,
    };
  }

  /** Closes all connections; the machine handles no message afterwards. */
  close(): void {
    this.#dead = true;
    this.#core.timersOff();
    this.#core.engine.closeAll();
  }
}

type ContentMessage = Extract<
  ToMachine,
  {
    readonly kind:
      | 'cut'
      | 'read-cut'
      | 'release-cut'
      | 'cut-database'
      | 'restore-begin'
      | 'restore-chunk'
      | 'restore-check'
      | 'restore-end'
      | 'statistics';
  }
>;

function isSessionMessage(message: ToMachine): message is SessionMessage {
  switch (message.kind) {
    case 'submit':
    case 'credit':
    case 'interrupt':
    case 'close-session':
      return true;
    default:
      return false;
  }
}
