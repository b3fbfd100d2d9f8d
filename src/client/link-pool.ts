import { type Connection, type Deadlines, LIMITS, type Network } from '../base/index.ts';
import { Call } from './call.ts';
import { closedError, NotAnswered } from './errors.ts';
import { ExtensionLink, NotSupported } from './extension-link.ts';
import type { Link, LinkEvents } from './link.ts';
import { PlainLink } from './plain-link.ts';

/** C-1.11 never answers unknown requests (client-protocol.md §8.3). */
const HELLO_MS = 1_000;
const DIAL_MS = 5_000;
/** Answers of one node on two connections may come so far apart. */
const HELLO_GRACE_MS = 50;

/** A node that was slow to say Hello is asked again while it is in use, each time after twice as long. */
const RECHECK_MS = 2_000;
const RECHECK_MAX_MS = 300_000;

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
  /** Nodes taken for C-1.11 because they did not answer Hello: when they are asked again. */
  readonly #doubts = new Map<Link, { at: number; delayMs: number }>();
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
    return link === undefined || link.closed || this.#doubts.has(link) ? undefined : link;
  }

  /** The link to an address. Throws NotAnswered when it cannot be had within the call. */
  get(address: string, call: Call): Promise<Link> {
    if (this.#closed) return Promise.reject(closedError('client'));
    let link = this.#links.get(address);
    if (link === undefined) {
      link = this.#connect(address);
      this.#links.set(address, link);
      link.catch(() => this.#links.delete(address));
    } else this.#recheck(address);
    return call.race(link);
  }

  /** What was taken for an old C node may be one of ours that was busy. */
  #recheck(address: string): void {
    const link = this.#open.get(address);
    const doubt = link === undefined ? undefined : this.#doubts.get(link);
    if (!(link instanceof PlainLink) || doubt === undefined) return;
    const now = this.#options.deadlines.clock.now();
    if (now < doubt.at) return;
    doubt.delayMs = Math.min(RECHECK_MAX_MS, 2 * doubt.delayMs);
    doubt.at = now + doubt.delayMs;
    this.#replace(address, link).catch((error: unknown) => {
      // It cannot be reached, is silent again, or now says that it is a C node: plain dqlite goes on.
      if (error instanceof NotSupported) this.#doubts.delete(link);
    });
  }

  async #replace(address: string, plain: PlainLink): Promise<void> {
    const { deadlines } = this.#options;
    const { clock } = deadlines;
    const hello = ExtensionLink.open(await this.dial(address), address, clock, this.#events);
    const call = new Call(deadlines, DIAL_MS);
    try {
      const link = await call.race(hello.opened);
      if (this.#closed || this.#open.get(address) !== plain) throw closedError('client');
      this.#open.set(address, link);
      this.#links.set(address, Promise.resolve(link));
      this.#doubts.delete(plain);
      plain.retire();
    } catch (error) {
      hello.destroy();
      throw error;
    } finally {
      call.finish();
    }
  }

  #forget(link: Link): void {
    this.#doubts.delete(link);
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
   * Hello was not answered: C-1.11, or a node that is busy. The latter will have answered Hello by the
   * time it answers a request that was sent later.
   */
  async #unanswered(
    address: string,
    hello: { readonly opened: Promise<ExtensionLink>; destroy(): void },
  ): Promise<Link> {
    const { deadlines } = this.#options;
    const { clock } = deadlines;
    const call = new Call(deadlines, DIAL_MS);
    let link: Link | undefined;
    hello.opened.then(
      (opened) => {
        link = opened;
      },
      () => undefined,
    );
    try {
      const plain = await this.#plain(address, true);
      try {
        const answered = plain.leaderClaim(call).then(() => call.sleep(HELLO_GRACE_MS));
        const opened = hello.opened.then(
          () => undefined,
          () => answered,
        );
        answered.catch(() => undefined);
        await Promise.race([opened, answered]);
      } catch (error) {
        plain.destroy();
        throw error;
      }
      if (link === undefined) {
        this.#doubts.set(plain, { at: clock.now() + RECHECK_MS, delayMs: RECHECK_MS });
        return plain;
      }
      plain.destroy();
      return link;
    } finally {
      call.finish();
      if (link === undefined) hello.destroy();
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
    this.#doubts.clear();
  }
}
