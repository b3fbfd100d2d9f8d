import { DecodeError } from '../base/index.ts';
import {
  decodeClientRequest,
  encodeClientResponse,
  isExtensionRequest,
  MessageReader,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_LEGACY,
  REQUEST,
  type WireMessage,
} from '../wire/index.ts';
import { OUTPUT_STOP_BYTES, type SessionContext, type SessionOutput } from './context.ts';
import { ExtensionSession } from './extension-session.ts';
import { FAILURE, failure } from './plain-failure.ts';
import { PlainSession } from './plain-session.ts';

/** A message that arrives in many parts gets its time anew for each of these. */
const PROGRESS_BYTES = 1024 * 1024;
const MARKS_PER_MESSAGE = 4096;

/** What the session waits for from the other side; the deadline starts anew whenever `mark` changes. */
export interface Expectation {
  readonly phase: 'handshake' | 'message' | 'nothing';
  readonly mark: number;
}

/**
 * One connection from its first byte: version word, framing, and the two protocols on it. Bytes and events go
 * in, actions go to the output; there is no clock and no socket in here.
 */
export class ClientSession {
  readonly #context: SessionContext;
  readonly #output: SessionOutput;
  readonly #reader: MessageReader;
  #messages = 0;
  #plain: PlainSession | undefined;
  #extension: ExtensionSession | undefined;
  #ended = false;
  #refusing = false;

  constructor(context: SessionContext, output: SessionOutput) {
    this.#context = context;
    this.#output = output;
    this.#reader = new MessageReader(context.limits.clientMessageBytes);
  }

  get expectation(): Expectation {
    if (this.#plain === undefined) return { phase: 'handshake', mark: 0 };
    const partial = this.#reader.bufferedBytes;
    if (partial === 0) return { phase: 'nothing', mark: 0 };
    return {
      phase: 'message',
      mark: this.#messages * MARKS_PER_MESSAGE + Math.floor(partial / PROGRESS_BYTES),
    };
  }

  /** More should be read: neither requests nor answers have piled up. */
  get reading(): boolean {
    return this.#plain?.full !== true && this.#output.bufferedBytes < OUTPUT_STOP_BYTES;
  }

  /** Bytes that arrived; they may be overwritten after the call. Never throws for what they contain. */
  receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#reader.push(bytes);
    try {
      if (this.#plain === undefined) this.#handshake();
      while (this.#plain !== undefined && !this.#ended) {
        const message = this.#reader.next();
        if (message === undefined) return;
        this.#messages++;
        this.#accept(message);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#end(error.message);
    }
  }

  /** Everything that was asked is answered, and the answers have left. */
  get idle(): boolean {
    const { bufferedBytes } = this.#output;
    const answered = this.#plain?.idle !== false && (this.#extension?.requestsInFlight ?? 0) === 0;
    return answered && bufferedBytes === 0;
  }

  /** From now on clients that can go elsewhere are sent there. */
  refuse(): void {
    this.#refusing = true;
    this.#extension?.refuse();
  }

  /** What was sent is written. */
  drained(): void {
    this.#plain?.drained();
    this.#extension?.drained();
  }

  /** The connection is gone. */
  close(): void {
    this.#ended = true;
    this.#plain?.close();
    this.#extension?.close();
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.close();
    this.#output.end(reason);
  }

  #handshake(): void {
    const version = this.#reader.word();
    if (version === undefined) return;
    if (version !== PROTOCOL_VERSION && version !== PROTOCOL_VERSION_LEGACY) {
      this.#end(`protocol version ${version}`);
      return;
    }
    const output: SessionOutput = this.#output;
    const ended = (reason: string): void => this.#end(reason);
    // A session that ends the connection ends all of it.
    const inner: SessionOutput = {
      get bufferedBytes() {
        return output.bufferedBytes;
      },
      send: (chunks) => output.send(chunks),
      end: ended,
      takeOver: (id, address, left) => output.takeOver(id, address, left),
    };
    this.#plain = new PlainSession(this.#context, inner, version === PROTOCOL_VERSION_LEGACY);
    this.#extension = new ExtensionSession(this.#context, inner);
    if (this.#refusing) this.#extension.refuse();
  }

  #accept(message: WireMessage): void {
    if (message.type === REQUEST.connect) this.#connect(message);
    else if (isExtensionRequest(message.type)) this.#acceptExtension(message);
    else this.#plain?.accept(message);
  }

  #acceptExtension({ type, body }: WireMessage): void {
    if (this.#plain?.dumping === true) {
      this.#end('a message of the extension during a Dump');
      return;
    }
    this.#plain?.share();
    try {
      this.#extension?.accept(type, body);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#output.send([encodeClientResponse(failure(FAILURE.parse, error.message))]);
      this.#end(error.message);
    }
  }

  /** Connect makes the connection a one-way raft stream: everything after it is the node's. */
  #connect(message: WireMessage): void {
    const request = decodeClientRequest(message.type, message.schema, message.body);
    if (request.type !== 'connect') throw new DecodeError('a malformed Connect');
    const rest = this.#reader.rest();
    this.close();
    this.#output.takeOver(request.id, request.address, rest);
  }
}
