import { ByteWriter, type Clock, type Network } from '../base/index.ts';
import { EXTENSION_RESPONSE, EXTENSION_VERSION, encodeExtensionRequest } from '../wire/index.ts';

const PROTOCOL_VERSION = 1;
/** Of a message: length in words (u32), type (u8). */
const TYPE_AT = 4;

/**
 * What a node answers to the Hello of our extension. 'c': the failure that C gives to unknown requests. 'silent': it took the
 * connection and said nothing, as C before 1.18 does, or a node that hangs.
 */
export type PeerAnswer = 'quorate' | 'c' | 'silent' | 'unreachable';

/** Asks the node at `address` what it is. Never rejects. */
export async function probePeer(
  network: Network,
  clock: Clock,
  address: string,
  timeoutMs: number,
): Promise<PeerAnswer> {
  try {
    const connection = await network.dial(address, timeoutMs);
    return await new Promise<PeerAnswer>((resolve) => {
      const settle = (kind: PeerAnswer): void => {
        silence.cancel();
        resolve(kind);
        connection.destroy();
      };
      const silence = clock.after(timeoutMs, () => settle('silent'));
      let received = 0;
      connection.start({
        data: (bytes) => {
          const at = TYPE_AT - received;
          received += bytes.length;
          if (at < 0 || at >= bytes.length) return;
          settle(bytes[at] === EXTENSION_RESPONSE.hello ? 'quorate' : 'c');
        },
        drain: () => undefined,
        close: () => settle('unreachable'),
      });
      connection.writeAll([
        new ByteWriter(8).safe(PROTOCOL_VERSION).finish(),
        encodeExtensionRequest({ type: 'hello', version: EXTENSION_VERSION }),
      ]);
    });
  } catch {
    return 'unreachable';
  }
}
