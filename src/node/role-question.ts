import { ByteWriter, type Clock, type Network, type NodeId, type Role } from '../base/index.ts';
import {
  decodeClientResponse,
  encodeClientRequest,
  MessageReader,
  PROTOCOL_VERSION,
} from '../wire/index.ts';

/** A list of members is small; more is nonsense. */
const ANSWER_BYTES = 1024 * 1024;

/**
 * Asks the node at `address`, of ours or of C, for the role of the member `id`; 'none' = it knows no such member, undefined = no answer.
 * Never rejects.
 */
export async function askRole(
  network: Pick<Network, 'dial'>,
  clock: Clock,
  address: string,
  id: NodeId,
  timeoutMs: number,
): Promise<Role | 'none' | undefined> {
  try {
    const connection = await network.dial(address, timeoutMs);
    return await new Promise((resolve) => {
      const settle = (role: Role | 'none' | undefined): void => {
        silence.cancel();
        resolve(role);
        connection.destroy();
      };
      const silence = clock.after(timeoutMs, () => settle(undefined));
      const reader = new MessageReader(ANSWER_BYTES);
      connection.start({
        data: (bytes) => {
          try {
            reader.push(bytes);
            const message = reader.next();
            if (message !== undefined) settle(roleIn(message, id));
          } catch {
            settle(undefined);
          }
        },
        drain: () => undefined,
        close: () => settle(undefined),
      });
      connection.writeAll([
        new ByteWriter(8).u64(PROTOCOL_VERSION).finish(),
        encodeClientRequest({ type: 'cluster', format: 1n }),
      ]);
    });
  } catch {
    return undefined;
  }
}

function roleIn(
  message: { readonly type: number; readonly schema: number; readonly body: Uint8Array },
  id: NodeId,
): Role | 'none' | undefined {
  const answer = decodeClientResponse(message.type, message.schema, message.body);
  // A node that no leader has contacted knows nobody.
  if (answer.type !== 'servers' || answer.servers.length === 0) return undefined;
  return answer.servers.find((server) => server.id === id)?.role ?? 'none';
}
