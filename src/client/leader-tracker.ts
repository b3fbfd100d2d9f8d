import { type Clock, type Deadlines, type Random, randomBelow } from '../base/index.ts';
import { Call } from './call.ts';
import { NotAnswered } from './errors.ts';
import type { LeaderClaim, Link } from './link.ts';
import type { LinkPool } from './link-pool.ts';

/** The next server is asked when the one before has not answered for this long. */
const STAGGER_MS = 100;
/** One search among all known servers. */
const ROUND_MS = 3_000;
const BACKOFF_MIN_MS = 25;
const BACKOFF_MAX_MS = 1_000;
/** A node that refused is not taken for the leader again so soon on the strength of what it said before. */
const REFUSAL_MS = 100;
const REFRESH_MS = 5_000;
/** Servers known at most: configured ones and members learned from the cluster. */
const SERVERS_MAX = 64;

export interface LeaderTrackerOptions {
  readonly pool: LinkPool;
  readonly deadlines: Deadlines;
  readonly random: Random;
  readonly servers: readonly string[];
  /** Address of the node in this process. */
  readonly local?: string | undefined;
}

/** Knows the servers of a cluster and finds out which of them leads. */
export class LeaderTracker {
  readonly #pool: LinkPool;
  readonly #deadlines: Deadlines;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #configured: readonly string[];
  #learned: readonly string[] = [];
  /** Said of itself that it leads, as far as we know. */
  #current: string | undefined;
  /** Worth asking first: named by another server. */
  #hint: string | undefined;
  /** Refused just now, until when: what they said before is out of date, or they are not ready yet. */
  readonly #refused = new Map<string, number>();
  #round: Promise<string | undefined> | undefined;
  #suspectRound: Promise<string | undefined> | undefined;
  #verifying: string | undefined;
  #wake: (() => void) | undefined;
  #woken: Promise<void>;

  constructor(options: LeaderTrackerOptions) {
    this.#pool = options.pool;
    this.#deadlines = options.deadlines;
    this.#clock = options.deadlines.clock;
    this.#random = options.random;
    const local = options.local === undefined ? [] : [options.local];
    this.#configured = [...new Set([...local, ...options.servers])];
    this.#woken = this.#newWake();
  }

  #newWake(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #changed(): void {
    this.#wake?.();
    this.#woken = this.#newWake();
  }

  /** All servers worth asking: configured ones first. */
  get servers(): readonly string[] {
    return [...new Set([...this.#configured, ...this.#learned])].slice(0, SERVERS_MAX);
  }

  get current(): string | undefined {
    return this.#current;
  }

  /** A link told whom it takes for the leader. */
  onClaim(link: Link, claim: LeaderClaim): void {
    this.#refused.delete(link.address);
    if (claim.self) this.#setCurrent(link.address);
    else {
      if (this.#current === link.address) this.#current = undefined;
      if (claim.address === '' || claim.address === this.#current) return;
      this.#hint = claim.address;
      this.#changed();
      // The node taken for the leader may be cut off and not know that there is another.
      if (this.#current !== undefined) void this.#verify(claim.address);
    }
  }

  #setCurrent(address: string): void {
    if (this.#current === address) return;
    this.#current = address;
    this.#hint = undefined;
    this.#changed();
    void this.#refresh(address);
  }

  /** The node at this address refused as not being the leader, perhaps naming another: that one is tried next. */
  onRefused(address: string, leader: string | undefined): void {
    this.#refused.set(address, this.#clock.now() + REFUSAL_MS);
    if (this.#current !== address && this.#current !== undefined) return;
    this.#current = undefined;
    if (leader !== undefined && leader !== '' && leader !== address) this.#setCurrent(leader);
  }

  /** The connection to this address was lost. */
  onLost(address: string): void {
    this.#refused.delete(address);
    if (this.#current === address) this.#current = undefined;
    if (this.#hint === address) this.#hint = undefined;
  }

  /** The node at this address leaves requests unanswered: perhaps another one leads by now. */
  onSilent(address: string): void {
    if (this.#current !== address) return;
    this.#suspectRound ??= this.#searchRound(address).finally(() => {
      this.#suspectRound = undefined;
    });
  }

  /** Takes over another leader if it says so itself. */
  async #verify(address: string): Promise<void> {
    if (this.#verifying === address) return;
    this.#verifying = address;
    const call = new Call(this.#deadlines, ROUND_MS);
    const claim = await this.#ask(address, call);
    call.finish();
    this.#verifying = undefined;
    if (claim?.self) this.#setCurrent(address);
  }

  /** A link to the leader. Throws NotAnswered when the call ends before one is found. */
  async leader(call: Call): Promise<Link> {
    for (let attempt = 0; ; attempt++) {
      const woken = this.#woken;
      const address = this.#current ?? (await call.race(this.#search()));
      if (address !== undefined) {
        try {
          return await this.#pool.get(address, call);
        } catch (error) {
          if (!(error instanceof NotAnswered) || error.ended !== undefined) throw error;
          call.lastFailure = error;
          this.onLost(address);
        }
      } else call.lastFailure ??= new Error('no server knows a leader');
      await this.backoff(attempt, call, woken);
    }
  }

  /** Waits before the next attempt, exponentially longer with jitter; less when a new leader shows up. */
  async backoff(attempt: number, call: Call, woken: Promise<void> = this.#woken): Promise<void> {
    const limitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempt, 10));
    await call.sleep(limitMs / 2 + this.#random.float() * (limitMs / 2), woken);
  }

  /** One server at random that is not in `except`; any server when all are. */
  pick(except: ReadonlySet<string>): string | undefined {
    const servers = this.servers;
    const left = servers.filter((server) => !except.has(server));
    const among = left.length > 0 ? left : servers;
    return among[randomBelow(this.#random, among.length)];
  }

  /** One round of asking, shared by all calls that wait for a leader. */
  #search(): Promise<string | undefined> {
    this.#round ??= this.#searchRound().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Asks the servers one after another without waiting for slow ones; the first that leads wins. */
  #searchRound(except?: string): Promise<string | undefined> {
    const call = new Call(this.#deadlines, ROUND_MS);
    const queue = this.#searchOrder();
    const asked = new Set<string | undefined>([except]);
    return new Promise<string | undefined>((resolve) => {
      let running = 0;
      const finish = (address: string | undefined) => {
        call.finish();
        if (address !== undefined) this.#setCurrent(address);
        resolve(address);
      };
      const next = () => {
        const address = queue.shift();
        if (address === undefined) {
          if (running === 0) finish(undefined);
          return;
        }
        if (asked.has(address)) {
          next();
          return;
        }
        asked.add(address);
        running++;
        const stagger = this.#clock.after(STAGGER_MS, next);
        this.#ask(address, call).then((claim) => {
          stagger.cancel();
          running--;
          if (claim?.self) finish(address);
          else {
            if (claim !== undefined && claim.address !== '') queue.unshift(claim.address);
            next();
          }
        });
      };
      next();
    });
  }

  #searchOrder(): string[] {
    const rest = [...this.servers];
    const order: string[] = this.#hint === undefined ? [] : [this.#hint];
    while (rest.length > 0) order.push(...rest.splice(randomBelow(this.#random, rest.length), 1));
    return order;
  }

  async #ask(address: string, call: Call): Promise<LeaderClaim | undefined> {
    try {
      const link = await this.#pool.get(address, call);
      const claim = await link.leaderClaim(call);
      // Plain dqlite answers anew each time; our extension tells of changes.
      const stale =
        link.protocol === 'extension' && this.#clock.now() < (this.#refused.get(address) ?? 0);
      return claim.self && stale ? undefined : claim;
    } catch {
      // Unreachable servers are the reason for searching; the next round asks again.
      return undefined;
    }
  }

  /** Learns the members from the leader, so that the cluster may move away from the configured servers. */
  async #refresh(address: string): Promise<void> {
    const call = new Call(this.#deadlines, REFRESH_MS);
    try {
      const link = await this.#pool.get(address, call);
      const members = await link.memberAddresses(call);
      if (members.length > 0) this.#learned = members;
    } catch {
      // The list known so far stays; it is asked for again with the next leader.
    } finally {
      call.finish();
    }
  }
}
