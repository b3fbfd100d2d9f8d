import { connect, type Socket } from 'node:net';
import { parseAddress } from '../../src/net/index.ts';
import { MessageReader } from '../../src/wire/index.ts';

export interface RawMessage {
  readonly type: number;
  readonly schema: number;
  readonly body: Uint8Array;
  readonly hex: string;
}

/** A socket that sends any bytes and reads whole messages. */
export class RawClient {
  readonly #socket: Socket;
  readonly #reader = new MessageReader(2 ** 31);
  readonly #messages: RawMessage[] = [];
  #closed = false;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#reader.push(new Uint8Array(bytes));
      for (
        let message = this.#reader.next();
        message !== undefined;
        message = this.#reader.next()
      ) {
        const body = message.body.slice();
        const header = Buffer.alloc(8);
        header.writeUInt32LE(body.length / 8);
        header[4] = message.type;
        header[5] = message.schema;
        const hex = header.toString('hex') + Buffer.from(body).toString('hex');
        this.#messages.push({ type: message.type, schema: message.schema, body, hex });
      }
      this.#changed();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#changed();
    });
  }

  static async connect(address: string): Promise<RawClient> {
    const { host, port } = parseAddress(address);
    const socket = connect(port, host);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next message; undefined when the server closed the connection. */
  async next(): Promise<RawMessage | undefined> {
    while (this.#messages.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.#messages.shift();
  }

  async untilClosed(): Promise<void> {
    while (!this.#closed) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }
  close(): void {
    this.#socket.destroy();
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
