import { LIMITS, QuorateError } from '../base/index.ts';
import {
  type Client,
  type Cluster,
  createClient,
  type Database,
  type DatabaseOptions,
  type SchemaOptions,
} from '../client/index.ts';
import { openSchema } from '../migrate/index.ts';
import { parseAddress, SystemRandom, systemClock, TcpNetwork } from '../net/index.ts';
import type { NodeEvent, NodeStatus } from '../node/index.ts';
import { type CoreHandle, startInline, startThreaded } from './core-handle.ts';
import { standardErrorSink } from './logging.ts';
import { NodeEmitter } from './node-emitter.ts';
import type { NodeEvents, NodeOptions, QuorateNode } from './options.ts';
import { publishSchemaEvent, warnOfListener } from './schema-channel.ts';

const PLATFORM = {
  ...{ clock: systemClock, random: new SystemRandom() },
  ...{ sink: publishSchemaEvent, warn: warnOfListener },
};
const READY_POLL_MS = 20;
const READY_MS = 60_000;

/**
 * Starts a node in this process and resolves when it serves on its address. Throws QuorateError:
 * OPTIONS, INSECURE, DIRECTORY_LOCKED, DIRECTORY_UNUSABLE, DIRECTORY_OF_ANOTHER_NODE, ADDRESS_IN_USE,
 * LOG_DAMAGED, FORMAT_UNSUPPORTED.
 * @example
 * const node = await startNode({ dir: 'data/1', address: '127.0.0.1:9001' });
 * await node.ready();
 * const db = node.database('app');
 * await node.close();
 */
export async function startNode(options: NodeOptions): Promise<QuorateNode> {
  checkOptions(options);
  const { signal, log, ...core } = options;
  signal?.throwIfAborted();
  const sink = log ?? standardErrorSink;
  const emitter = new NodeEmitter();
  const listener = (event: NodeEvent): void => emitter.emit(event);
  const start = options.threads === false ? startInline : startThreaded;
  const handle = await start(core, sink, listener);
  if (signal?.aborted === true) {
    await handle.close(false);
    throw signal.reason;
  }
  return new RunningNode(handle, emitter, options.join ?? []);
}

function checkOptions(options: NodeOptions): void {
  parseAddress(options.address);
  const { host } = parseAddress(options.bind ?? options.address);
  if (!isLoopback(host) && options.insecure !== true) {
    throw new QuorateError(
      'INSECURE',
      `${host} is not loopback and nothing is encrypted or authenticated yet: anyone who reaches the port ` +
        'can read and write everything. Pass insecure (--insecure) to listen there all the same',
    );
  }
  const election = options.electionTimeoutMs ?? 800;
  const heartbeat = options.heartbeatMs ?? 100;
  if (heartbeat * 2 > election) {
    throw new QuorateError(
      'OPTIONS',
      `the election timeout (${election} ms) must be at least twice the heartbeat (${heartbeat} ms)`,
    );
  }
  if (election < LIMITS.electionTimeoutMinMs) {
    throw new QuorateError(
      'OPTIONS',
      `the election timeout must be ${LIMITS.electionTimeoutMinMs} ms or more, not ${election}: leases of leaders are nearly as long`,
    );
  }
  const readers = options.readers ?? 2;
  if (!Number.isInteger(readers) || readers < 1 || readers > 16) {
    throw new QuorateError(
      'OPTIONS',
      `readers must be a whole number from 1 to 16, not ${readers}`,
    );
  }
  const reads: string = options.dqliteReads ?? 'linearizable';
  if (reads !== 'linearizable' && reads !== 'lease') {
    throw new QuorateError('OPTIONS', `dqliteReads must be linearizable or lease, not ${reads}`);
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

class RunningNode implements QuorateNode {
  readonly id: bigint;
  readonly address: string;
  readonly #handle: CoreHandle;
  readonly #emitter: NodeEmitter;
  readonly #client: Client;
  readonly #databases = new Map<string, Database>();
  readonly #schemas = new WeakMap<SchemaOptions, number>();
  #schemaLast = 0;
  #closing: Promise<void> | undefined;

  constructor(handle: CoreHandle, emitter: NodeEmitter, join: readonly string[]) {
    this.id = handle.id;
    this.address = handle.address;
    this.#handle = handle;
    this.#emitter = emitter;
    this.#client = createClient({
      network: new TcpNetwork(),
      clock: systemClock,
      random: new SystemRandom(),
      servers: join,
      localPages: handle.pages,
      nearby: handle.nearby,
      openSchema: (database, schema) =>
        openSchema(database, schema, { id: String(handle.id), kind: 'node' }, PLATFORM),
      localServer: {
        address: handle.address,
        dial: () => Promise.resolve(handle.dial()),
      },
    });
  }

  get cluster(): Cluster {
    return this.#client.cluster;
  }

  database(name: string, options: DatabaseOptions = {}): Database {
    const { schema, ...plain } = options;
    const key = JSON.stringify([name, plain, schema === undefined ? 0 : this.#numberOf(schema)]);
    const known = this.#databases.get(key);
    if (known !== undefined && !known.closed) return known;
    const database = this.#client.database(name, options);
    this.#databases.set(key, database);
    return database;
  }

  /** Two handles take part in the same migrations only if they were given the same object. */
  #numberOf(schema: SchemaOptions): number {
    const known = this.#schemas.get(schema) ?? ++this.#schemaLast;
    this.#schemas.set(schema, known);
    return known;
  }

  async ready(options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<void> {
    const deadline = systemClock.now() + (options.timeoutMs ?? READY_MS);
    for (;;) {
      options.signal?.throwIfAborted();
      const status = await this.status();
      const { leader, members } = status;
      const member = members.some(({ id }) => id === this.id);
      if (member && leader !== undefined && status.applied >= status.commit && status.commit > 0)
        return;
      if (member && status.memberRole !== 'voter' && status.commit > 0) return;
      if (systemClock.now() > deadline) {
        throw new QuorateError(
          'TIMEOUT',
          'the node has not become a member that knows the leader',
          {
            retryable: true,
          },
        );
      }
      await new Promise<void>((resolve) => systemClock.after(READY_POLL_MS, resolve));
    }
  }

  status(): Promise<NodeStatus> {
    return this.#handle.status();
  }

  on<E extends keyof NodeEvents>(event: E, listener: (event: NodeEvents[E]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  close(options: { handover?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options.handover ?? true);
    return this.#closing;
  }

  async #close(handover: boolean): Promise<void> {
    await this.#client.close();
    await this.#handle.close(handover);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
