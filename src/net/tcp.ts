import { createServer, type Server, Socket } from 'node:net';
import type { Connection, ConnectionEvents, Listener, Network } from '../base/index.ts';
import { formatAddress, parseAddress } from './address.ts';

/** Silence after which the system probes an idle connection (roles-and-app.md: as dqlite's dialers). */
const KEEP_ALIVE_MS = 3_000;
/** Time that an ended connection gets to deliver what is queued and to see the other side's end. */
const LINGER_MS = 5_000;

/** Connections with unwritten chunks; flushed together once per turn of the event loop. */
let dirty: TcpConnection[] = [];

function flushAll(): void {
  const connections = dirty;
  dirty = [];
  for (const connection of connections) connection.flush();
}

/** A connected socket as a Connection. Chunks written during one turn leave in one system call. */
class TcpConnection implements Connection {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  #events: ConnectionEvents | undefined;
  #chunks: Uint8Array[] = [];
  #queuedBytes = 0;
  #buffered = 0;
  #paused = false;
  #ended = false;
  #closed = false;
  #reason: Error | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** Takes the socket over; it must be connected, and be paused until `start`. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.remoteAddress = formatAddress(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', (error) => {
      this.#reason ??= error;
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#chunks = [];
      clearTimeout(this.#linger);
      this.#events?.close(this.#reason);
    });
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  start(events: ConnectionEvents): void {
    this.#events = events;
    if (this.#closed) {
      queueMicrotask(() => events.close(this.#reason));
      return;
    }
    this.#socket.on('data', (bytes) => {
      // Not as a Buffer, whose `slice` shares memory where that of Uint8Array copies.
      if (!this.#ended) events.data(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    });
    // Accepted sockets start paused, and a listener alone does not wake them.
    if (!this.#paused) this.#socket.resume();
  }

  write(bytes: Uint8Array): void {
    if (this.#ended || this.#closed || bytes.length === 0) return;
    if (this.#chunks.length === 0) {
      if (dirty.length === 0) setImmediate(flushAll);
      dirty.push(this);
    }
    this.#chunks.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#buffered += bytes.length;
  }

  writeAll(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.write(chunk);
  }

  /** Hands what is queued to the operating system, as one vectored write. */
  flush(): void {
    const chunks = this.#chunks;
    const bytes = this.#queuedBytes;
    if (chunks.length === 0) return;
    this.#chunks = [];
    this.#queuedBytes = 0;
    // The other side has ended the connection: nobody reads this.
    if (this.#closed || !this.#socket.writable) return;
    const last = chunks.length - 1;
    // A corked socket takes everything through its queue.
    if (last > 0) this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(chunks[i]);
    this.#socket.write(chunks[last], (error) => {
      if (!error) this.#written(bytes);
    });
    if (last > 0) this.#socket.uncork();
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#events !== undefined) this.#socket.resume();
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.flush();
    this.#ended = true;
    this.#socket.end();
    // Nothing else ends a connection whose other side neither reads nor closes. And unread input
    // must be read, or the other side's end is never seen.
    this.#socket.resume();
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#linger.unref();
  }

  destroy(reason?: Error): void {
    if (this.#closed) return;
    this.#ended = true;
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  #written(bytes: number): void {
    this.#buffered -= bytes;
    if (this.#buffered === 0 && !this.#closed) this.#events?.drain();
  }
}

function listening(server: Server, asked: string): Listener {
  const bound = server.address();
  const address =
    typeof bound === 'object' && bound !== null ? formatAddress(bound.address, bound.port) : asked;
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        // The callback of `close` waits for all accepted connections, which are not ours to end.
        server.close();
        setImmediate(resolve);
      }),
  };
}

/** TCP of this machine. */
export class TcpNetwork implements Network {
  async listen(address: string, accept: (connection: Connection) => void): Promise<Listener> {
    const { host, port } = parseAddress(address);
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      // Not read before `start` has attached the receiver.
      const connection = new TcpConnection(socket);
      accept(connection);
    });
    return await new Promise<Listener>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', reject);
        // Later errors are failed accepts (no descriptors left): the connection is lost, the listener is not.
        server.on('error', () => undefined);
        resolve(listening(server, address));
      });
    });
  }

  async dial(address: string, timeoutMs: number): Promise<Connection> {
    const { host, port } = parseAddress(address);
    return await new Promise<Connection>((resolve, reject) => {
      const socket = new Socket();
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(
        () => fail(new Error(`no connection to ${address} within ${timeoutMs} ms`)),
        timeoutMs,
      );
      socket.once('error', fail);
      socket.connect({ host, port }, () => {
        clearTimeout(timer);
        socket.off('error', fail);
        resolve(new TcpConnection(socket));
      });
    });
  }
}
