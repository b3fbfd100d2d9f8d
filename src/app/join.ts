import { type Disk, type Logger, type Network, QuorateError, type Random } from '../base/index.ts';
import { type Client, type Cluster, createClient } from '../client/index.ts';
import { systemClock } from '../net/index.ts';
import type { Node } from '../node/index.ts';
import type { Identity } from './identity.ts';
import { addWasSent, markAddSent } from './start-flags.ts';

/** What background work of a node needs. */
export interface TaskContext {
  readonly node: Node;
  readonly disk: Disk;
  readonly network: Network;
  readonly random: Random;
  readonly log: Logger;
}

const RETRY_MS = 250;
const ATTEMPT_MS = 5_000;

const CANNOT_JOIN =
  'cannot join yet, trying on: the cluster takes members only while it has a leader, that is while a majority of its voters run; ' +
  'start all members that still have their directories';

/** Asks the cluster to add this node, again and again until it is a member. */
export class JoinTask {
  readonly #context: TaskContext;
  readonly #identity: Identity;
  readonly #client: Client;
  readonly #joined: () => Promise<void>;
  #stopped = false;

  constructor(
    context: TaskContext,
    identity: Identity,
    servers: readonly string[],
    joined: () => Promise<void>,
  ) {
    const { network, random } = context;
    this.#context = context;
    this.#identity = identity;
    this.#joined = joined;
    this.#client = createClient({ network, random, clock: systemClock, servers });
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    void this.#client.close();
  }

  async #run(): Promise<void> {
    let complained = false;
    while (!this.#stopped) {
      try {
        await this.#attempt(this.#client.cluster);
        await this.#joined();
        this.#context.log('info', 'joined the cluster', { id: this.#identity.id });
        break;
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof QuorateError && error.code === 'ID_IN_USE') {
          this.#context.log('error', error.message, { id: this.#identity.id });
          break;
        }
        if (!complained) {
          const reason = error instanceof Error ? error.message : String(error);
          this.#context.log('warn', CANNOT_JOIN, { reason });
        }
        complained = true;
        await new Promise<void>((resolve) => systemClock.after(RETRY_MS, resolve));
      }
    }
    await this.#client.close();
  }

  /**
   * A member with this address under another id is a machine that lost its disk: its old id may have
   * acknowledged what is gone, so it is removed and never comes back (M15). For the same reason a member with
   * our id is us only if this very directory has asked to be added.
   */
  async #attempt(cluster: Cluster): Promise<void> {
    const { disk, log } = this.#context;
    const { id, address } = this.#identity;
    const options = { timeoutMs: ATTEMPT_MS };
    const members = await cluster.members(options);
    const sent = await addWasSent(disk);
    const holder = members.find((member) => member.id === id);
    if (holder !== undefined && (!sent || holder.address !== address)) {
      throw new QuorateError(
        'ID_IN_USE',
        `not joining: id ${id} belongs to the member at ${holder.address}, and this directory has never been it; ` +
          'empty the directory and start without --id, the former member is then removed',
      );
    }
    if (holder !== undefined) return;
    const former = members.find((member) => member.address === address);
    if (former !== undefined) {
      log('warn', 'this address was a member under another id; removing that', {
        former: former.id,
      });
      await cluster.remove(former.id, options);
    }
    if (!sent) await markAddSent(disk);
    await cluster.add(id, address, options);
  }
}
