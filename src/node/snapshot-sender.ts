import { type Connection, LIMITS, QuorateError, type Term } from '../base/index.ts';
import type { DurableLog, SnapshotContent } from '../log/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import { encodeRaftMessage } from '../wire/index.ts';

/** Unsent bytes above which the sender waits. */
const BUFFER_BYTES = 1024 * 1024;

export interface SnapshotSenderOptions {
  readonly log: DurableLog;
  readonly term: Term;
  /** Opens a raft connection to the follower. */
  dial(): Promise<Connection>;
  /** False = give up: the leadership is over. */
  wanted(): boolean;
}

/**
 * Sends the newest snapshot on a connection of its own, so that heartbeats do not queue behind it. Resolves when
 * the operating system has all of it. Throws SNAPSHOT_TOO_LARGE above what peers accept (M13).
 */
export async function sendSnapshot(options: SnapshotSenderOptions): Promise<void> {
  const { log } = options;
  const info = log.snapshot;
  if (info === undefined) throw new QuorateError('SNAPSHOT_NOT_FOUND', 'there is no snapshot');
  const content = await log.readSnapshot(info);
  try {
    await send(options, info, content);
  } finally {
    await content.close();
  }
}

async function send(
  options: SnapshotSenderOptions,
  info: SnapshotInfo,
  content: SnapshotContent,
): Promise<void> {
  const { term } = options;
  if (content.contentBytes > LIMITS.raftPayloadBytes) {
    throw new QuorateError(
      'SNAPSHOT_TOO_LARGE',
      `a snapshot of ${content.contentBytes} bytes cannot be sent, the limit is ${LIMITS.raftPayloadBytes}`,
    );
  }
  const connection = await options.dial();
  const flow = new Flow(connection);
  try {
    const { head } = encodeRaftMessage({
      type: 'install-snapshot',
      term,
      lastIndex: info.index,
      lastTerm: info.term,
      configurationIndex: info.configurationIndex,
      configuration: info.configuration,
      dataLength: content.contentBytes,
    });
    connection.write(head);
    for await (const chunk of content.chunks) {
      if (!options.wanted()) throw new QuorateError('LEADERSHIP_LOST', 'leadership is over');
      connection.write(chunk);
      await flow.below(BUFFER_BYTES);
    }
    await flow.below(0);
    connection.end();
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** Lets a writer wait for its connection. */
class Flow {
  readonly #connection: Connection;
  #closed: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.start({
      data: () => undefined,
      drain: () => this.#wake(),
      close: (reason) => {
        this.#closed = reason ?? new Error('the follower closed the connection');
        this.#wake();
      },
    });
  }

  /** Resolves when at most `bytes` are unsent, or everything is. Throws when the connection is gone. */
  async below(bytes: number): Promise<void> {
    while (this.#closed === undefined && this.#connection.bufferedBytes > bytes) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#closed !== undefined) throw this.#closed;
  }
}
