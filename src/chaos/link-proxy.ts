import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Connection, Network } from '../base/index.ts';
import { parseAddress, TcpNetwork } from '../net/index.ts';
import type { LinkTable, Target } from './link-table.ts';

/** A listener whose connections run over the links of a table. */
export class LinkProxy {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `caller` names the place that a connection comes from; a connection of nobody is refused. */
  static async listen(parts: {
    readonly listen: Target;
    readonly target: Target;
    readonly to: string;
    readonly caller: (socket: Socket) => string | undefined;
    readonly links: LinkTable;
  }): Promise<LinkProxy> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
    server.on('connection', (socket) => {
      const from = parts.caller(socket);
      if (from === undefined) socket.destroy();
      else parts.links.add(from, parts.to, socket, parts.target);
    });
    server.listen({ ...parts.listen, exclusive: true });
    await once(server, 'listening');
    server.on('error', () => undefined);
    return new LinkProxy(server);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  close(): void {
    this.#server.close();
  }
}

/** The network as one client of the harness sees it: each address is reached over a proxy for this client alone. */
export class ClientNetwork implements Pick<Network, 'dial'> {
  readonly #name: string;
  readonly #links: LinkTable;
  readonly #locate: (address: string) => { readonly place: string; readonly target: Target };
  readonly #proxies = new Map<string, Promise<LinkProxy>>();
  readonly #network = new TcpNetwork();
  readonly #closed: () => void;

  constructor(
    name: string,
    links: LinkTable,
    locate: (address: string) => { readonly place: string; readonly target: Target },
    closed: () => void,
  ) {
    this.#name = name;
    this.#closed = closed;
    this.#links = links;
    this.#locate = locate;
  }

  async dial(address: string, timeoutMs: number): Promise<Connection> {
    let proxy = this.#proxies.get(address);
    if (proxy === undefined) {
      const { place, target } = this.#locate(address);
      proxy = LinkProxy.listen({
        listen: { host: '127.0.0.1', port: 0 },
        target,
        to: place,
        caller: () => this.#name,
        links: this.#links,
      });
      this.#proxies.set(address, proxy);
    }
    return this.#network.dial(`127.0.0.1:${(await proxy).port}`, timeoutMs);
  }

  async close(): Promise<void> {
    this.#closed();
    for (const proxy of this.#proxies.values()) (await proxy).close();
  }
}

/** The network of the harness itself: straight to the nodes, whatever the links are like. */
export class DirectNetwork implements Pick<Network, 'dial'> {
  readonly #network = new TcpNetwork();
  readonly #locate: (address: string) => { readonly target: Target };

  constructor(locate: (address: string) => { readonly target: Target }) {
    this.#locate = locate;
  }

  dial(address: string, timeoutMs: number): Promise<Connection> {
    const { host, port } = this.#locate(address).target;
    return this.#network.dial(`${host}:${port}`, timeoutMs);
  }
}

/** HOST:PORT as a target. */
export function targetOf(address: string): Target {
  return parseAddress(address);
}
