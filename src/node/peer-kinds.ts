import type { Clock, Logger, Member, Network, NodeId, Timer } from '../base/index.ts';
import { probePeer } from './peer-probe.ts';

/** So many pages may be unsealed while a member may be a C node, which keeps its whole log in memory (M13). */
export const UNSEALED_PAGES_WITH_C = 64;
/** A C leader sends a heartbeat every 500 ms: with less patience than this a voter would not follow it (S16). */
export const PATIENCE_WITH_C_MS = 1500;
/** A member that is known may have been replaced by another program since it was asked. */
const ASK_AGAIN_MS = 60_000;
const LONGEST_BACKOFF_MS = 10_000;

export interface PeerKindsOptions {
  readonly self: NodeId;
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly electionTimeoutMs: number;
  /** Whether all other members are known to be Quorate nodes, whenever that changes. */
  changed(allQuorate: boolean): void;
  /** Everybody who was to be asked was. */
  asked(): void;
}

interface Known {
  readonly address: string;
  readonly kind: 'quorate' | 'c';
  /** It said so; silence may also be a Quorate node that hung, and is asked again soon. */
  readonly said: boolean;
}

/**
 * Which members are Quorate nodes; what has not been proven is taken for a C node. The leader asks everybody, a follower its
 * leader: that is all that anything depends on.
 */
export class PeerKinds {
  readonly #options: PeerKindsOptions;
  readonly #known = new Map<NodeId, Known>();
  #members: readonly Member[] = [];
  /** Whom to ask: everybody, nobody, or the leader alone. */
  #asks: 'all' | NodeId = 0n;
  #allQuorate = true;
  #asking = false;
  #again = false;
  #timer: Timer | undefined;
  #backoffMs = 0;
  #stopped = false;

  constructor(options: PeerKindsOptions) {
    this.#options = options;
  }

  get allQuorate(): boolean {
    return this.#others().every(({ id }) => this.#known.get(id)?.kind === 'quorate');
  }

  /** Known to be a C node. */
  isC(id: NodeId): boolean {
    return this.#known.get(id)?.kind === 'c';
  }

  configured(members: readonly Member[]): void {
    this.#members = members;
    for (const [id, { address }] of [...this.#known]) {
      const still = members.some((member) => member.id === id && member.address === address);
      if (!still) this.#known.delete(id);
    }
    this.#restart();
  }

  /** This node leads. */
  lead(): void {
    this.#asks = 'all';
    this.#restart();
  }

  /** This node follows `leader`; 0n = nobody. */
  follow(leader: NodeId): void {
    if (this.#asks === leader) return;
    this.#asks = leader;
    this.#restart();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #others(): readonly Member[] {
    return this.#members.filter(({ id }) => id !== this.#options.self);
  }

  #asked(): readonly Member[] {
    return this.#others().filter(({ id }) => this.#asks === 'all' || this.#asks === id);
  }

  #restart(): void {
    this.#announce();
    this.#backoffMs = 0;
    this.#ask();
  }

  #announce(): void {
    const { allQuorate } = this;
    if (allQuorate === this.#allQuorate) return;
    this.#allQuorate = allQuorate;
    this.#options.changed(allQuorate);
  }

  #ask(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#again = this.#asking;
    if (this.#stopped || this.#asking) return;
    const asked = this.#asked();
    if (asked.length === 0) return;
    this.#asking = true;
    void Promise.all(asked.map((member) => this.#probe(member))).then(() => {
      this.#asking = false;
      this.#announce();
      this.#options.asked();
      if (this.#again) this.#ask();
      else this.#later();
    });
  }

  #later(): void {
    if (this.#stopped) return;
    const unknown = this.#asked().some(({ id }) => this.#known.get(id)?.said !== true);
    const { electionTimeoutMs } = this.#options;
    this.#backoffMs = Math.min(
      LONGEST_BACKOFF_MS,
      Math.max(electionTimeoutMs, 2 * this.#backoffMs),
    );
    const delayMs = unknown ? this.#backoffMs : ASK_AGAIN_MS;
    this.#timer = this.#options.clock.after(delayMs, () => this.#ask());
  }

  async #probe({ id, address, role }: Member): Promise<void> {
    const { network, clock, logger, electionTimeoutMs } = this.#options;
    const answer = await probePeer(network, clock, address, electionTimeoutMs);
    if (this.#stopped) return;
    const current = this.#members.some((member) => member.id === id && member.address === address);
    if (!current) return;
    const before = this.#known.get(id);
    // A member that cannot be reached, or hangs, stays what it was.
    if (answer === 'unreachable' || (answer === 'silent' && before !== undefined)) return;
    const kind = answer === 'quorate' ? 'quorate' : 'c';
    this.#known.set(id, { address, kind, said: answer !== 'silent' });
    if (kind === 'quorate' || before?.kind === 'c') return;
    logger('info', 'a member is a C node', { id, address });
    if (role === 'voter' && electionTimeoutMs < PATIENCE_WITH_C_MS) {
      logger(
        'warn',
        `a voter is a C node, whose heartbeat as leader is 500 ms: an election timeout of ${electionTimeoutMs} ms is too short ` +
          'for it; start with electionTimeoutMs 3000 and heartbeatMs 500',
        { id, address },
      );
    }
  }
}
