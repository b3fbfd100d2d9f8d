import { type MessagePort, Worker } from 'node:worker_threads';
import { AssertionError, QuorateError } from '../base/index.ts';
import type { NodeEvent, NodeStatus } from '../node/index.ts';
import type { FromCore, ToCore } from './consensus-thread.ts';
import { Core, type CoreIdentity, type CoreOptions } from './core.ts';
import { inlineSqlSide } from './inline.ts';
import { recordingLogger } from './logging.ts';
import type { LogSink } from './options.ts';
import { sqliteModule } from './sqlite-module.ts';

/** Default of `NodeOptions.electionTimeoutMs`. */
const ELECTION_TIMEOUT_MS = 800;

/** A core as the host sees it, on its own thread or on this one. */
export interface CoreHandle extends CoreIdentity {
  accept(port: MessagePort): void;
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
  const core = await Core.start(
    options,
    (limits) => inlineSqlSide(sqliteModule(), limits, statementMs),
    recordingLogger(log),
    listener,
  );
  return {
    id: core.id,
    address: core.address,
    accept: (port) => core.accept(port),
    status: () => Promise.resolve(core.status()),
    close: (handover) => core.close(handover),
  };
}

/** A consensus thread with SQL and reader threads beside it. */
export async function startThreaded(
  options: CoreOptions,
  log: LogSink,
  listener: (event: NodeEvent) => void,
): Promise<CoreHandle> {
  const worker = new Worker(new URL('./consensus-thread.js', import.meta.url), {
    workerData: options,
  });
  const handle = new ThreadedCore(worker, log, listener);
  await handle.started;
  return handle;
}

class ThreadedCore implements CoreHandle {
  id = 0n;
  address = '';
  readonly started: Promise<void>;
  readonly #worker: Worker;
  readonly #log: LogSink;
  readonly #listener: (event: NodeEvent) => void;
  readonly #questions = new Map<number, (status: NodeStatus) => void>();
  readonly #closed: Promise<void>;
  #question = 0;
  #resolveClosed: () => void = () => undefined;
  #settleStarted: (error?: Error) => void = () => undefined;
  #ending = false;

  constructor(worker: Worker, log: LogSink, listener: (event: NodeEvent) => void) {
    this.#worker = worker;
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

  accept(port: MessagePort): void {
    this.#post({ kind: 'pipe', port }, [port]);
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
    this.#post({ kind: 'close', handover });
    await this.#closed;
    await this.#worker.terminate();
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
      case 'status':
        this.#questions.get(message.request)?.(message.status);
        this.#questions.delete(message.request);
        break;
      default:
        this.#resolveClosed();
    }
  }

  #died(reason: string): void {
    this.#resolveClosed();
    this.#settleStarted(new AssertionError(reason));
    if (this.#ending) return;
    this.#ending = true;
    this.#listener({ kind: 'stopped', reason });
  }
}
