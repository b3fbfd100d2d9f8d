import type { Clock, Connection, Listener, Network, NodeId } from '../base/index.ts';
import { ConnectionLoop } from './connection-loop.ts';
import type { SessionContext } from './context.ts';

/** Requests that were on their way when the drain began have come after so long. */
const QUIET_MS = 50;
const LOOK_MS = 5;

export interface ServerOptions extends SessionContext {
  readonly clock: Clock;
  /** Takes over a connection that another node opened for raft (raft-rpc.md §1). `rest` was read already. */
  acceptRaft(connection: Connection, id: NodeId, address: string, rest: Uint8Array): void;
}

/** Accepts connections of clients and of other nodes, within the limits, and runs a session on each. */
export class Server {
  readonly #options: ServerOptions;
  readonly #loops = new Set<ConnectionLoop>();
  readonly #perHost = new Map<string, number>();
  readonly #listeners: Listener[] = [];
  #closed = false;
  #refusing = false;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Connections that are served at the moment. */
  get connections(): number {
    return this.#loops.size;
  }

  /** Listens on HOST:PORT and resolves to the address that is bound. Rejects like `Network.listen`. */
  async listen(network: Network, address: string): Promise<string> {
    const listener = await network.listen(address, (connection) => this.accept(connection));
    if (this.#closed) await listener.close();
    else this.#listeners.push(listener);
    return listener.address;
  }

  /** Serves a connection; above the limits it is closed at once. */
  accept(connection: Connection): void {
    const { limits, logger } = this.#options;
    const host = hostOf(connection.remoteAddress);
    const here = this.#perHost.get(host) ?? 0;
    if (
      this.#closed ||
      this.#loops.size >= limits.connections ||
      here >= limits.connectionsPerAddress
    ) {
      logger('warn', 'connection refused: too many', { peer: connection.remoteAddress });
      connection.start({ data: () => undefined, drain: () => undefined, close: () => undefined });
      connection.destroy();
      return;
    }
    this.#perHost.set(host, here + 1);
    const loop = new ConnectionLoop(this.#options, connection, () => {
      this.#loops.delete(loop);
      const left = (this.#perHost.get(host) ?? 1) - 1;
      if (left === 0) this.#perHost.delete(host);
      else this.#perHost.set(host, left);
    });
    this.#loops.add(loop);
    if (this.#refusing) loop.refuse();
    loop.start();
  }

  /**
   * Before a planned end: sends clients elsewhere, and resolves when all that was asked is answered, after `limitMs` at the latest. A write whose
   * connection ends before its answer has an unknown outcome.
   */
  async drain(limitMs: number): Promise<void> {
    this.#refusing = true;
    for (const loop of this.#loops) loop.refuse();
    const { clock } = this.#options;
    const deadline = clock.now() + limitMs;
    let quietSince = clock.now();
    while (clock.now() < deadline) {
      if ([...this.#loops].some(({ idle }) => !idle)) quietSince = clock.now();
      else if (clock.now() - quietSince >= QUIET_MS) return;
      await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
    }
  }

  /** Stops listening and ends every connection; what runs on them is interrupted and rolled back. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
    for (const loop of [...this.#loops]) loop.close();
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
