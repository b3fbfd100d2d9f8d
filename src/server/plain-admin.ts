import type { NodeServices } from '../node/index.ts';
import type { ClientResponse, DecodedRequest } from '../wire/index.ts';
import { adminFailure, BAD_SERVER_ID, FAILURE, failure, NOT_LEADER } from './plain-failure.ts';

/** The heartbeat timeout that C announces; nothing depends on it. */
const HEARTBEAT_TIMEOUT_MS = 15_000;

const EMPTY: ClientResponse = { type: 'empty' };

/**
 * Requests about the node and the cluster, not about a database (client-protocol.md §8.1, 8.2, 8.10, 8.11,
 * 8.13, 8.14). undefined: not one of these. A promise for what takes a round of consensus; it does not reject.
 */
export function nodeAnswer(
  services: NodeServices,
  request: DecodedRequest,
  legacy: boolean,
): ClientResponse | Promise<ClientResponse> | undefined {
  switch (request.type) {
    case 'leader':
      return leaderAnswer(services, legacy);
    case 'client':
      return { type: 'welcome', heartbeatMs: HEARTBEAT_TIMEOUT_MS };
    case 'cluster':
      return clusterAnswer(services, request.format);
    case 'describe':
      if (request.format !== 0n) return failure(FAILURE.protocol, 'bad format version');
      return {
        type: 'metadata',
        failureDomain: services.failureDomain,
        weight: services.weight,
      };
    case 'weight':
      services.weight = request.weight;
      return EMPTY;
    case 'add':
    case 'assign':
    case 'remove':
    case 'transfer':
      return membershipAnswer(services, request);
    default:
      return undefined;
  }
}

function leaderAnswer(services: NodeServices, legacy: boolean): ClientResponse {
  // The legacy protocol asks for no role: whoever knows the leader tells it (client-protocol.md §8.1).
  const leader = services.leaderHint() ?? (legacy ? services.status().leader : undefined);
  return { type: 'server', id: leader?.id ?? 0n, address: leader?.address ?? '', legacy };
}

function clusterAnswer(services: NodeServices, format: bigint): ClientResponse {
  if (format > 1n) return failure(FAILURE.parse, 'unrecognized cluster format');
  return { type: 'servers', format: format === 0n ? 0 : 1, servers: services.status().members };
}

async function membershipAnswer(
  services: NodeServices,
  request: Extract<DecodedRequest, { readonly type: 'add' | 'assign' | 'remove' | 'transfer' }>,
): Promise<ClientResponse> {
  if (!services.isLeader()) return NOT_LEADER;
  // C stops on an assertion for id 0; only Transfer gives it a meaning (client-protocol.md §8.10, 8.11).
  if (request.id === 0n && request.type !== 'transfer') return BAD_SERVER_ID;
  try {
    switch (request.type) {
      case 'add':
        await services.add(request.id, request.address);
        break;
      case 'assign':
        await services.assign(request.id, request.role);
        break;
      case 'remove':
        await services.remove(request.id);
        break;
      case 'transfer':
        await services.transfer(request.id);
    }
    return EMPTY;
  } catch (error) {
    return adminFailure(error);
  }
}
