import { MessageChannel, type MessagePort, threadId, Worker } from 'node:worker_threads';
import {
  AssertionError,
  type Connection,
  LIMITS,
  must,
  Numbered,
  QuorateError,
} from '../base/index.ts';
import { type DirectoryMessage, type ReaderDirectory, SharedDirectory } from '../machine/index.ts';
import { ThreadPort } from '../net/index.ts';
import type { NodeEvent, NodeStatus } from '../node/index.ts';
import type { Confirmed, Level } from './confirmations.ts';
import type { CoreThreadData, FromCore, ToCore } from './consensus-thread.ts';
import { Core, type CoreIdentity, type CoreOptions } from './core.ts';
import { FreshnessWord } from './freshness-word.ts';
import { inlineSqlSide } from './inline.ts';
import { NodePages } from './local-pages.ts';
import { localPipe } from './local-pipe.ts';
import { recordingLogger } from './logging.ts';
import { HostedNode, type HostedNodeOptions } from './nearby-node.ts';
import type { LogSink } from './options.ts';
import { openPipe } from './pipe.ts';
import { sqliteModule } from './sqlite-module.ts';

/** Default of `NodeOptions.electionTimeoutMs`. */
const ELECTION_TIMEOUT_MS = 800;

/** A core as the host sees it, on its own thread or on this one. */
export interface CoreHandle extends CoreIdentity {
  /** What this node has published, for reads on the caller's thread. */
  readonly pages: NodePages;
  readonly nearby: HostedNode;
  /** A connection of a client in this process. */
  dial(): Connection;
  status(): Promise<NodeStatus>;
  close(handover: boolean): Promise<void>;
}

/** Everything on the caller's thread (`threads: false`). */
export async function startInline(
  options: CoreOptions,
  log: LogSink,
  listener: (event: NodeEvent) => void,
): Promise<CoreHandle> {
  const statementMs = Math.floor((options.electionTimeoutMs ?? ELECTION_TIMEOUT_MS) / 2);
  let directory: ReaderDirectory | undefined;
  const core = await Core.start(
    options,
    (limits) => {
      const side = inlineSqlSide(sqliteModule(), limits, statementMs);
      directory = side.directory;
      return side;
    },
    recordingLogger(log),
    listener,
  );
  const freshness = new FreshnessWord();
  core.tellFreshness(freshness);
  const shared = {
    module: sqliteModule,
    directory: () => must(directory, 'no directory'),
    freshness,
    engineBytes: { ...LIMITS, ...options.limits }.engineBytes,
  };
  const pages = new NodePages({ ...shared, statementMs });
  const ask = (level: Level, done: Confirmed): void => core.confirm(level, done);
  const nearby = new HostedNode(core.id, core.address, { ...shared, ask });
  return {
    id: core.id,
    address: core.address,
    pages,
    nearby,
    dial: () => {
      const [client, server] = localPipe();
      core.accept(server);
      return client;
    },
    status: () => Promise.resolve(core.status()),
    close: (handover) => {
      pages.close();
      nearby.close();
      return core.close(handover);
    },
  };
}

/** A consensus thread with SQL and reader threads beside it. */
export async function startThreaded(
  options: CoreOptions,
  log: LogSink,
  listener: (event: NodeEvent) => void,
): Promise<CoreHandle> {
  const { port1, port2 } = new MessageChannel();
  const freshness = new FreshnessWord();
  const data: CoreThreadData = { options, hostDirectory: port1, freshness: freshness.buffer };
  const worker = new Worker(new URL('./consensus-thread.js', import.meta.url), {
    workerData: data,
    transferList: [port1],
  });
  const limits = { ...LIMITS, ...options.limits };
  let directory: SharedDirectory | undefined;
  const shared = {
    module: sqliteModule,
    directory: () => {
      directory ??= hostDirectory(port2);
      return directory;
    },
    freshness,
    engineBytes: limits.engineBytes,
  };
  const pages = new NodePages({ ...shared, statementMs: limits.transactionTotalMs });
  const handle = new ThreadedCore(worker, pages, shared, log, listener);
  await handle.started;
  return handle;
}

/** Owner of the pins of this thread where that has the number 0, which means nobody. */
const MAIN_THREAD = -1;

/** The databases as the SQL thread tells of them on `port`, which does not keep the process alive. */
function hostDirectory(port: MessagePort): SharedDirectory {
  const messages = new ThreadPort<never, DirectoryMessage>(port);
  const directory = new SharedDirectory(messages, threadId || MAIN_THREAD);
  port.unref();
  return directory;
}

class ThreadedCore implements CoreHandle {
  id = 0n;
  address = '';
  readonly started: Promise<void>;
  readonly pages: NodePages;
  readonly #shared: Omit<HostedNodeOptions, 'ask'>;
  #nearby: HostedNode | undefined;
  readonly #worker: Worker;
  readonly #log: LogSink;
  readonly #listener: (event: NodeEvent) => void;
  readonly #questions = new Map<number, (status: NodeStatus) => void>();
  readonly #confirmations = new Numbered<Confirmed>();
  readonly #closed: Promise<void>;
  #question = 0;
  #resolveClosed: () => void = () => undefined;
  #settleStarted: (error?: Error) => void = () => undefined;
  #ending = false;

  constructor(
    worker: Worker,
    pages: NodePages,
    shared: Omit<HostedNodeOptions, 'ask'>,
    log: LogSink,
    listener: (event: NodeEvent) => void,
  ) {
    this.#worker = worker;
    this.pages = pages;
    this.#shared = shared;
    this.#log = log;
    this.#listener = listener;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.started = new Promise((resolve, reject) => {
      this.#settleStarted = (error) => (error === undefined ? resolve() : reject(error));
    });
    worker.on('message', (message: FromCore) => this.#receive(message));
    worker.on('error', (error) => this.#died(error.message));
    worker.on('exit', (code) => this.#died(`the consensus thread ended with code ${code}`));
  }

  /** Once it has started. */
  get nearby(): HostedNode {
    this.#nearby ??= new HostedNode(this.id, this.address, {
      ...this.#shared,
      ask: (level, done) => {
        if (this.#ending) {
          done(undefined);
          return;
        }
        const request = this.#confirmations.add(done);
        this.#post({ kind: 'confirm', request, level });
      },
    });
    return this.#nearby;
  }

  dial(): Connection {
    const { connection, port } = openPipe();
    this.#post({ kind: 'pipe', port }, [port]);
    return connection;
  }

  status(): Promise<NodeStatus> {
    if (this.#ending) return Promise.reject(new QuorateError('NODE_STOPPED', 'the node is closed'));
    const request = ++this.#question;
    return new Promise((resolve) => {
      this.#questions.set(request, resolve);
      this.#post({ kind: 'status', request });
    });
  }

  async close(handover: boolean): Promise<void> {
    this.#ending = true;
    this.pages.close();
    this.#nearby?.close();
    this.#post({ kind: 'close', handover });
    await this.#closed;
    await this.#worker.terminate();
  }

  /** The node will say nothing any more. */
  #confirmNothing(): void {
    for (const done of this.#confirmations.values()) done(undefined);
    this.#confirmations.clear();
  }

  #post(message: ToCore, transfer: MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromCore): void {
    switch (message.kind) {
      case 'started':
        this.id = message.id;
        this.address = message.address;
        this.#settleStarted();
        break;
      case 'failed': {
        const { code, message: text } = message.error;
        this.#ending = true;
        void this.#worker.terminate();
        this.#settleStarted(
          code === undefined ? new AssertionError(text) : new QuorateError(code, text),
        );
        break;
      }
      case 'event':
        this.#listener(message.event);
        break;
      case 'log':
        this.#log(message.record);
        break;
      case 'confirmed': {
        const { request, index } = message;
        const done = this.#confirmations.get(request);
        this.#confirmations.delete(request);
        done?.(index);
        break;
      }
      case 'status':
        this.#questions.get(message.request)?.(message.status);
        this.#questions.delete(message.request);
        break;
      default:
        this.#confirmNothing();
        this.#resolveClosed();
    }
  }

  #died(reason: string): void {
    this.#confirmNothing();
    this.#resolveClosed();
    this.#settleStarted(new AssertionError(reason));
    if (this.#ending) return;
    this.#ending = true;
    this.#listener({ kind: 'stopped', reason });
  }
}
