import { hexadecimal, type Member, type NodeId, QuorateError, type Role } from '../base/index.ts';
import type { ClientRequest, ClientResponse } from '../wire/index.ts';
import { Call } from './call.ts';
import type { ClientCore } from './client.ts';
import { connectionLost } from './dispatcher.ts';
import { asQuorateError, NotAnswered } from './errors.ts';
import { ExtensionLink } from './extension-link.ts';
import type { Link } from './link.ts';
import { membershipError } from './membership-error.ts';
import { dialWithin, PlainConnection } from './plain-connection.ts';
import { plainFailure } from './plain-failure.ts';
import { parseStatusReport } from './status-report.ts';
import type { CallOptions, Cluster, DatabaseDigest, NodeStatusReport } from './types.ts';

const TIMEOUT_MS = 30_000;
/** How long to look for a leader before saying that there is none. */
const LEADER_MS = 3_000;

/** Requests about the cluster in plain dqlite, which nodes of both kinds understand. */
export class RemoteCluster implements Cluster {
  readonly #core: ClientCore;

  constructor(core: ClientCore) {
    this.#core = core;
  }

  async #within<T>(
    options: CallOptions,
    run: (call: Call) => Promise<T>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<T> {
    const call = new Call(this.#core.deadlines, options.timeoutMs ?? timeoutMs, options.signal);
    try {
      return await run(call);
    } catch (error) {
      if (error instanceof NotAnswered) throw error.ended ?? connectionLost(error);
      throw asQuorateError(error);
    } finally {
      call.finish();
    }
  }

  /** One request over a connection of its own. */
  async #ask<T extends ClientResponse['type']>(
    address: string,
    type: T,
    request: ClientRequest,
    call: Call,
  ): Promise<Extract<ClientResponse, { type: T }>> {
    const dial = () => this.#core.pool.dial(address);
    const connection = new PlainConnection(await dialWithin(dial, address, call));
    try {
      return await connection.expect(type, request, call, (code, message) =>
        plainFailure(code, message, true),
      );
    } finally {
      connection.destroy();
    }
  }

  #change(request: ClientRequest, options: CallOptions = {}): Promise<void> {
    return this.#within(options, async (call) => {
      const attempt = async (link: Link) => {
        await this.#ask(link.address, 'empty', request, call);
      };
      try {
        await this.#core.dispatcher.run(
          { leader: true, write: true, readFrom: undefined, repeatable: () => true, attempt },
          call,
        );
      } catch (error) {
        throw membershipError(error);
      }
    });
  }

  async leader(options: CallOptions = {}): Promise<Member | undefined> {
    try {
      return await this.#within(
        options,
        async (call) => {
          const link = await this.#core.tracker.leader(call);
          const members = await this.#membersAt(link.address, call);
          return members.find(
            ({ id, address }) => id === link.nodeId || address === link.nodeAddress,
          );
        },
        LEADER_MS,
      );
    } catch (error) {
      if (error instanceof QuorateError && error.code === 'TIMEOUT') return undefined;
      throw error;
    }
  }

  members(options: CallOptions = {}): Promise<Member[]> {
    return this.#within(options, (call) => this.#members(call));
  }

  #members(call: Call): Promise<Member[]> {
    const attempt = (link: Link) => this.#membersAt(link.address, call);
    return this.#core.dispatcher.run(
      { leader: true, write: false, readFrom: undefined, repeatable: () => true, attempt },
      call,
    );
  }

  async #membersAt(address: string, call: Call): Promise<Member[]> {
    const request = { type: 'cluster', format: 1n } as const;
    const { servers } = await this.#ask(address, 'servers', request, call);
    return servers.map(({ id, address: at, role }) => ({ id, address: at, role: role ?? 'spare' }));
  }

  add(id: NodeId, address: string, options?: CallOptions): Promise<void> {
    return this.#change({ type: 'add', id: checkId(id), address }, options);
  }

  assign(id: NodeId, role: Role, options?: CallOptions): Promise<void> {
    return this.#change({ type: 'assign', id: checkId(id), role }, options);
  }

  remove(id: NodeId, options?: CallOptions): Promise<void> {
    return this.#change({ type: 'remove', id: checkId(id) }, options);
  }

  transfer(to: NodeId = 0n, options?: CallOptions): Promise<void> {
    return this.#change({ type: 'transfer', id: to }, options);
  }

  describe(
    id: NodeId,
    options: CallOptions = {},
  ): Promise<{ readonly failureDomain: number; readonly weight: number }> {
    return this.#within(options, async (call) => {
      const member = (await this.#members(call)).find((candidate) => candidate.id === id);
      if (member === undefined) {
        throw new QuorateError('NODE_NOT_FOUND', `no member has the id ${id}`);
      }
      const request = { type: 'describe', format: 0n } as const;
      const answer = await this.#ask(member.address, 'metadata', request, call);
      return { failureDomain: Number(answer.failureDomain), weight: Number(answer.weight) };
    });
  }

  status(address: string, options: CallOptions = {}): Promise<NodeStatusReport> {
    return this.#within(options, async (call) => {
      const link = await this.#extension(address, call);
      return parseStatusReport(await link.status(call));
    });
  }

  digest(address: string, database: string, options: CallOptions = {}): Promise<DatabaseDigest> {
    return this.#within(options, async (call) => {
      const link = await this.#extension(address, call);
      const { index, pages, sha256 } = await link.digest(database, call);
      return { index, pages, sha256: hexadecimal(sha256) };
    });
  }

  async #extension(address: string, call: Call): Promise<ExtensionLink> {
    const link = await this.#core.pool.get(address, call);
    if (link instanceof ExtensionLink) return link;
    throw new QuorateError('NOT_SUPPORTED', `${address} is no Quorate node`);
  }
}

function checkId(id: NodeId): NodeId {
  if (typeof id !== 'bigint' || id <= 0n || id >= 2n ** 64n) {
    throw new QuorateError('INVALID_ARGUMENT', 'a node id is a bigint from 1 to 2^64 - 1');
  }
  return id;
}
