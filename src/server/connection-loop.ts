import type { Connection, NodeId, Timer } from '../base/index.ts';
import { ClientSession, type Expectation } from './client-session.ts';
import { HandedOverConnection } from './handed-over-connection.ts';
import type { ServerOptions } from './server.ts';

/** The thin loop between one socket and its session: bytes, deadlines and back-pressure. */
export class ConnectionLoop {
  readonly #options: ServerOptions;
  readonly #connection: Connection;
  readonly #session: ClientSession;
  readonly #released: () => void;
  #phase: Expectation['phase'] = 'nothing';
  #mark = -1;
  #timer: Timer | undefined;
  #paused = false;
  #over: HandedOverConnection | undefined;
  #finished = false;

  /** `released` is called once, when the connection is closed or has been handed over. */
  constructor(options: ServerOptions, connection: Connection, released: () => void) {
    this.#options = options;
    this.#connection = connection;
    this.#released = released;
    this.#session = new ClientSession(options, {
      get bufferedBytes() {
        return connection.bufferedBytes;
      },
      send: (chunks) => connection.writeAll(chunks),
      end: (reason) => this.#end(reason),
      takeOver: (id, address, rest) => this.#handOver(id, address, rest),
    });
  }

  start(): void {
    this.#connection.start({
      data: (bytes) => {
        if (this.#over !== undefined) this.#over.data(bytes);
        else this.#guard(() => this.#session.receive(bytes));
      },
      drain: () => {
        if (this.#over !== undefined) this.#over.drain();
        else this.#guard(() => this.#session.drained());
      },
      close: (reason) => {
        this.#over?.close(reason);
        this.#release();
      },
    });
    this.#adjust();
  }

  /** Nothing that a client asked waits for its answer. */
  get idle(): boolean {
    return this.#over !== undefined || this.#session.idle;
  }

  /** Before the end: no new requests of clients that can go elsewhere. */
  refuse(): void {
    this.#session.refuse();
  }

  /** Ends the connection without waiting for the other side. */
  close(): void {
    if (this.#over === undefined) this.#connection.destroy();
  }

  /** A defect of a session ends its own connection, not the node. */
  #guard(run: () => void): void {
    try {
      run();
      this.#adjust();
    } catch (error) {
      this.#options.logger('error', 'a session failed', { error: String(error) });
      this.#connection.destroy(error instanceof Error ? error : undefined);
    }
  }

  #adjust(): void {
    if (this.#finished) return;
    if (this.#session.reading === this.#paused) {
      this.#paused = !this.#paused;
      if (this.#paused) this.#connection.pause();
      else this.#connection.resume();
    }
    const { phase, mark } = this.#session.expectation;
    const expected = this.#paused ? 'nothing' : phase;
    if (expected === this.#phase && mark === this.#mark) return;
    this.#phase = expected;
    this.#mark = mark;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (expected === 'nothing') return;
    const { limits, clock } = this.#options;
    const delayMs = expected === 'handshake' ? limits.handshakeMs : limits.messageMs;
    this.#timer = clock.after(delayMs, () => this.#late(expected));
  }

  #late(expected: string): void {
    this.#log(`no complete ${expected} in time`);
    this.#connection.destroy(new Error(`no complete ${expected} in time`));
  }

  #end(reason: string): void {
    this.#log(reason);
    this.#connection.end();
    this.#release();
  }

  #handOver(id: NodeId, address: string, rest: Uint8Array): void {
    this.#over = new HandedOverConnection(this.#connection);
    this.#release();
    if (this.#paused) this.#connection.resume();
    this.#options.acceptRaft(this.#over, id, address, rest);
  }

  #log(reason: string): void {
    this.#options.logger('info', 'client connection closed by the server', {
      peer: this.#connection.remoteAddress,
      reason,
    });
  }

  #release(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#timer?.cancel();
    this.#session.close();
    this.#released();
  }
}
