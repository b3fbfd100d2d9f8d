import { type Clock, type Connection, LIMITS, type Network } from '../base/index.ts';
import type { Call } from './call.ts';
import { closedError, NotAnswered } from './errors.ts';
import { ExtensionLink, NotSupported } from './extension-link.ts';
import type { Link, LinkEvents } from './link.ts';
import { PlainLink } from './plain-link.ts';

/** C-1.11 never answers unknown requests (client-protocol.md §8.3). */
const HELLO_MS = 1_000;
const DIAL_MS = 5_000;
/** A slow Quorate node may have missed its second for Hello: ask again after this. */
const SILENCE_TRUSTED_MS = 10_000;

/** The node in this process: reached without the network. */
export interface LocalServer {
  /** As the node names itself. */
  readonly address: string;
  dial(): Promise<Connection>;
}

export interface LinkPoolOptions {
  readonly network: Pick<Network, 'dial'>;
  readonly clock: Clock;
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
    const { clock } = this.#options;
    const connection = await this.dial(address);
    try {
      return await ExtensionLink.open(connection, address, clock, HELLO_MS, this.#events);
    } catch (error) {
      if (!(error instanceof NotSupported)) throw error;
      const dial = () => this.dial(address);
      const plain = await PlainLink.open(dial, address, error.silent, this.#events);
      if (error.silent) {
        clock.after(SILENCE_TRUSTED_MS, () => {
          this.#forget(plain);
          plain.retire();
        });
      }
      return plain;
    }
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
