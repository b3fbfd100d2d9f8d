import { type Connection, type Deadlines, LIMITS, type Network } from '../base/index.ts';
import { Call } from './call.ts';
import { closedError, NotAnswered } from './errors.ts';
import { ExtensionLink, NotSupported } from './extension-link.ts';
import type { Link, LinkEvents } from './link.ts';
import { PlainLink } from './plain-link.ts';

/** C-1.11 never answers unknown requests (client-protocol.md §8.3). */
const HELLO_MS = 1_000;
const DIAL_MS = 5_000;

/** The node in this process: reached without the network. */
export interface LocalServer {
  /** As the node names itself. */
  readonly address: string;
  dial(): Promise<Connection>;
}

export interface LinkPoolOptions {
  readonly network: Pick<Network, 'dial'>;
  readonly deadlines: Deadlines;
  readonly localServer?: LocalServer | undefined;
}

/** One link per node, opened when first needed and again after it was lost. */
export class LinkPool {
  readonly #options: LinkPoolOptions;
  readonly #links = new Map<string, Promise<Link>>();
  readonly #open = new Map<string, Link>();
  readonly #events: LinkEvents;
  #closed = false;

  constructor(options: LinkPoolOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = {
      leader: (link, claim) => events.leader(link, claim),
      silent: (link) => events.silent(link),
      closed: (link) => {
        this.#forget(link);
        events.closed(link);
      },
    };
  }

  /** The open link to an address, if there is one. */
  peek(address: string): Link | undefined {
    return this.#open.get(address);
  }

  /** As `peek`, for a link that `get` would give at once and without further thought. */
  ready(address: string): Link | undefined {
    const link = this.#open.get(address);
    return link === undefined || link.closed ? undefined : link;
  }

  /** The link to an address. Throws NotAnswered when it cannot be had within the call. */
  get(address: string, call: Call): Promise<Link> {
    if (this.#closed) return Promise.reject(closedError('client'));
    let link = this.#links.get(address);
    if (link === undefined) {
      link = this.#connect(address);
      this.#links.set(address, link);
      link.catch(() => this.#links.delete(address));
    }
    return call.race(link);
  }

  #forget(link: Link): void {
    if (this.#open.get(link.address) !== link) return;
    this.#open.delete(link.address);
    this.#links.delete(link.address);
  }

  async #connect(address: string): Promise<Link> {
    let link: Link;
    try {
      link = await this.#negotiate(address);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new NotAnswered(`cannot reach ${address}: ${reason}`, false, undefined, error);
    }
    if (this.#closed) {
      link.destroy();
      throw closedError('client');
    }
    if (link.closed) throw new NotAnswered(`${address} ended the connection`, false);
    this.#open.set(address, link);
    return link;
  }

  async #negotiate(address: string): Promise<Link> {
    const { deadlines } = this.#options;
    const { clock } = deadlines;
    const hello = ExtensionLink.open(await this.dial(address), address, clock, this.#events);
    const call = new Call(deadlines, HELLO_MS);
    try {
      return await call.race(hello.opened);
    } catch (error) {
      if (error instanceof NotSupported) return await this.#plain(address, false);
      if (call.ended === undefined) throw error;
    } finally {
      call.finish();
    }
    return this.#unanswered(address, hello);
  }

  #plain(address: string, old: boolean): Promise<PlainLink> {
    return PlainLink.open(() => this.dial(address), address, old, this.#events);
  }

  /**
   * Hello was not answered: C-1.11, or a node that is busy. The latter must not be spoken to in plain dqlite, in which nobody can say what
   * code knows of the schema (M16). Who refuses a request that C-1.11 answers is not C-1.11, and will answer Hello.
   */
  async #unanswered(
    address: string,
    hello: { readonly opened: Promise<ExtensionLink>; destroy(): void },
  ): Promise<Link> {
    const call = new Call(this.#options.deadlines, DIAL_MS);
    let old: PlainLink | undefined;
    let link: Link | undefined;
    try {
      old = await this.#plain(address, true);
      link = await call.race(this.#told(old, hello.opened, call));
      return link;
    } catch (error) {
      if (error instanceof NotSupported) return await this.#plain(address, false);
      throw error;
    } finally {
      call.finish();
      if (link !== old) old?.destroy();
      if (!(link instanceof ExtensionLink)) hello.destroy();
    }
  }

  async #told(
    old: PlainLink,
    opened: Promise<ExtensionLink>,
    call: Call,
  ): Promise<PlainLink | ExtensionLink> {
    const isOld = await Promise.race([opened, old.refusesNothing(call)]);
    return isOld === true ? old : opened;
  }

  /** A new connection to an address, without protocol. */
  dial(address: string): Promise<Connection> {
    const { network, localServer } = this.#options;
    if (localServer?.address === address) return localServer.dial();
    return network.dial(address, Math.min(DIAL_MS, LIMITS.handshakeMs));
  }

  /** Closes all links; what is pending on them fails. */
  close(): void {
    this.#closed = true;
    for (const link of [...this.#open.values()]) link.destroy(closedError('client'));
    this.#open.clear();
    this.#links.clear();
  }
}
