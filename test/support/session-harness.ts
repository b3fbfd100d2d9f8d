import { LIMITS, type Limits, type NodeId, silent } from '../../src/base/index.ts';
import { sha256 } from '../../src/net/index.ts';
import { ClientSession, type SessionContext } from '../../src/server/index.ts';
import {
  type ClientRequest,
  type ClientResponse,
  decodeClientResponse,
  decodeExtensionResponse,
  type ExtensionRequest,
  type ExtensionResponse,
  encodeClientRequest,
  encodeExtensionRequest,
  MessageReader,
  type ResponseContext,
} from '../../src/wire/index.ts';
import { FakeNode } from './fake-node.ts';

export const HELLO_WORD = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);

/** A message as the session sent it. */
export interface Sent {
  readonly type: number;
  readonly schema: number;
  readonly body: Uint8Array;
  /** With its header. */
  readonly hex: string;
}

/** A session between a fake node and a test that plays the socket. */
export class SessionHarness {
  readonly node: FakeNode;
  readonly session: ClientSession;
  readonly #reader = new MessageReader(2 ** 31);
  /** What the session believes is unsent. */
  buffered = 0;
  ended: string | undefined;
  takenOver: { id: NodeId; address: string; rest: Uint8Array } | undefined;

  constructor(
    node = new FakeNode(),
    limits: Partial<Limits> = {},
    dqliteReads: SessionContext['dqliteReads'] = 'linearizable',
  ) {
    this.node = node;
    const harness = this;
    this.session = new ClientSession(
      {
        ...{ services: node, hash: sha256, limits: { ...LIMITS, ...limits }, logger: silent },
        dqliteReads,
      },
      {
        get bufferedBytes() {
          return harness.buffered;
        },
        send: (chunks) => {
          for (const chunk of chunks) this.#reader.push(chunk);
        },
        end: (reason) => {
          this.ended = reason;
        },
        takeOver: (id, address, rest) => {
          this.takenOver = { id, address, rest };
        },
      },
    );
  }

  /** A session that has shaken hands and, if asked, has a database open. */
  static open(
    limits: Partial<Limits> = {},
    database = 'test.db',
    dqliteReads: SessionContext['dqliteReads'] = 'linearizable',
  ): SessionHarness {
    const harness = new SessionHarness(new FakeNode(), limits, dqliteReads);
    harness.session.receive(HELLO_WORD);
    if (database !== '') {
      harness.send({ type: 'open', name: database, flags: 0n, vfs: 'volatile' });
      harness.plain();
    }
    return harness;
  }

  /** A session that has said Hello of the extension; its two answers are taken. */
  static extension(limits: Partial<Limits> = {}): SessionHarness {
    const harness = SessionHarness.open(limits, '');
    harness.ask({ type: 'hello', version: 1 });
    harness.take();
    return harness;
  }

  send(request: ClientRequest): void {
    this.session.receive(encodeClientRequest(request));
  }

  ask(request: ExtensionRequest): void {
    this.session.receive(encodeExtensionRequest(request));
  }

  /** Messages sent since the last call. */
  take(): Sent[] {
    const sent: Sent[] = [];
    for (;;) {
      const message = this.#reader.next();
      if (message === undefined) return sent;
      const { type, schema } = message;
      const body = message.body.slice();
      const header = Buffer.alloc(8);
      header.writeUInt32LE(body.length / 8);
      header[4] = type;
      header[5] = schema;
      sent.push({
        type,
        schema,
        body,
        hex: header.toString('hex') + Buffer.from(body).toString('hex'),
      });
    }
  }

  plain(context: ResponseContext = {}): ClientResponse[] {
    return this.take().map(({ type, schema, body }) =>
      decodeClientResponse(type, schema, body, context),
    );
  }

  answers(): ExtensionResponse[] {
    return this.take().map(({ type, body }) => decodeExtensionResponse(type, body));
  }
}

/** Lets promises of the fake node settle. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}
