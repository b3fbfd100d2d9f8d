import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const CLIENT = 1;
const OPEN = 3;
const WORD = 8;
const ANSWER_MS = 10_000;
/** A listener's queue is short: more at a time would meet refusals that have nothing to do with the server. */
const AT_ONCE = 50;

/** Opens connections that have introduced themselves and opened the database, and then say nothing. Returns what closes them. */
export async function idleConnections(address: string, count: number): Promise<() => void> {
  const sockets: Socket[] = [];
  try {
    while (sockets.length < count) {
      const some = Math.min(AT_ONCE, count - sockets.length);
      sockets.push(...(await Promise.all(Array.from({ length: some }, () => opened(address)))));
    }
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    throw error;
  }
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

async function opened(address: string): Promise<Socket> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port), noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  const version = Buffer.alloc(WORD);
  version.writeBigUInt64LE(1n);
  const name = Buffer.from('bench\0\0\0');
  const open = Buffer.concat([name, Buffer.alloc(WORD), Buffer.alloc(WORD)]);
  socket.write(Buffer.concat([version, message(CLIENT, Buffer.alloc(WORD)), message(OPEN, open)]));
  // The answers: a welcome and a database, of two words each.
  let bytes = 0;
  const answered = (async () => {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      bytes += Buffer.byteLength(chunk);
      if (bytes >= 4 * WORD) return true;
    }
    return false;
  })();
  const limit = new AbortController();
  const late = sleep(ANSWER_MS, false, { signal: limit.signal }).catch(() => false);
  const served = await Promise.race([answered, late]);
  limit.abort();
  if (!served) {
    socket.destroy();
    throw new Error(`a connection was not served: ${bytes} bytes came`);
  }
  socket.resume();
  return socket;
}

function message(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(WORD);
  head.writeUInt32LE(body.length / WORD);
  head.writeUInt8(type, 4);
  return Buffer.concat([head, body]);
}
