import fc from 'fast-check';
import { type Random, randomBelow } from '../../../src/base/index.ts';
import {
  decodeClientResponse,
  decodeExtensionResponse,
  encodeClientRequest,
  encodeExtensionRequest,
  RowSetWriter,
} from '../../../src/wire/index.ts';
import type { FakeCall } from '../../support/fake-node.ts';
import { HELLO_WORD, SessionHarness, settle } from '../../support/session-harness.ts';
import { clientStreams } from '../captures.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { clientRequests, extensionRequests } from './arbitrary.ts';
import { demand, inPieces, randomOf } from './check.ts';
import { rowBatches } from './rows.ts';

const EXTENSION_FIRST = 32;

/**
 * A session of the server from its first byte. The node below it answers as it likes: at once, later, never, with
 * rows, with failures; leadership is lost in between. Nothing throws, what is sent are whole messages, and a
 * connection that was ended says nothing more.
 */
export const sessionTarget: Target = {
  name: 'session',
  quickInputs: 200,
  corpus(random) {
    const seed = random.uint32() | 0;
    const hello = encodeExtensionRequest({ type: 'hello', version: 1 });
    const plain = fc.sample(clientRequests, { seed, numRuns: 80 }).map(encodeClientRequest);
    const extension = fc
      .sample(extensionRequests, { seed, numRuns: 80 })
      .map(encodeExtensionRequest);
    const conversation = (requests: readonly Uint8Array[]): Uint8Array =>
      concat([
        HELLO_WORD,
        ...(random.uint32() % 2 === 0 ? [hello] : []),
        ...Array.from({ length: 12 }, () => requests[randomBelow(random, requests.length)]),
      ]);
    return [
      ...clientStreams('>'),
      ...Array.from({ length: 20 }, () => conversation(plain)),
      ...Array.from({ length: 20 }, () => conversation(extension)),
      ...Array.from({ length: 20 }, () => conversation([...plain, ...extension])),
    ];
  },
  async run(bytes) {
    const random = randomOf(bytes);
    const at = new SessionHarness();
    at.node.databases = ['test'];
    at.node.images.set('test', new Uint8Array(8192).fill(1));
    const held: FakeCall[] = [];
    at.node.answer = (call) => answer(call, random, held);
    const pieces: Uint8Array[] = [];
    inPieces(bytes, random, (piece) => pieces.push(piece.slice()));
    for (const piece of pieces) {
      at.session.receive(piece);
      disturb(at, random, held);
      if (random.uint32() % 16 === 0) await settle();
      checkSent(at);
      const { phase, mark } = at.session.expectation;
      demand(phase !== undefined && Number.isSafeInteger(mark), 'an expectation');
    }
    at.buffered = 0;
    at.session.drained();
    for (const call of held.splice(0)) finish(call, random);
    await settle();
    checkSent(at);
    at.session.close();
    for (const call of held.splice(0)) finish(call, random);
    await settle();
    demand(
      at.node.sessions.every(({ closed }) => closed),
      'a session of the node stays open',
    );
    demand(at.node.listeners === 0, 'somebody still listens to the node');
  },
};

function answer(call: FakeCall, random: Random, held: FakeCall[]): void {
  if (random.uint32() % 3 === 0) held.push(call);
  else finish(call, random);
}

function finish(call: FakeCall, random: Random): void {
  if (call.request.work.action === 'describe') describe(call);
  else if (random.uint32() % 4 === 0) call.fail({});
  else {
    const { format } = call.request;
    if (format === 'dqlite') call.rows(rowSet());
    else if (random.uint32() % 2 === 0)
      for (const batch of rowBatches([[1n]], true)) call.rows(batch);
    call.done([{ rowsAffected: 1 }], random.uint32() % 4 === 0);
  }
}

function describe(call: FakeCall): void {
  const description = {
    parameters: [],
    columns: [],
    columnTypes: [],
    readonly: call.request.work.action === 'describe',
    tail: 0,
    tailEmpty: true,
  };
  call.end({ kind: 'described', description });
}

function rowSet(): Uint8Array {
  const writer = new RowSetWriter();
  writer.beginFirst(['a'], ['']);
  return writer.end(false);
}

/** What else happens to a session meanwhile. */
function disturb(at: SessionHarness, random: Random, held: FakeCall[]): void {
  switch (random.uint32() % 12) {
    case 0: {
      const [call] = held.splice(0, 1);
      if (call !== undefined) finish(call, random);
      break;
    }
    case 1:
      at.node.leading = !at.node.leading;
      at.node.emit({ kind: 'leader', leader: at.node.leader });
      break;
    case 2:
      for (const session of at.node.sessions) if (!session.closed) session.options.lost();
      break;
    case 3:
      at.buffered = random.uint32() % 2 === 0 ? 8 * 1024 * 1024 : 0;
      if (at.buffered === 0) at.session.drained();
      break;
    case 4:
      at.node.refusal = new Error('refused');
      break;
    default:
      break;
  }
}

const endedHarness = new WeakSet<SessionHarness>();

/** All that was sent are messages that a client can read; behind the end there is nothing. */
function checkSent(at: SessionHarness): void {
  const sent = at.take();
  demand(sent.length === 0 || !endedHarness.has(at), 'sent after the end of the connection');
  for (const { type, schema, body } of sent) {
    if (type >= EXTENSION_FIRST) decodeExtensionResponse(type, body);
    else readPlain(type, schema, body);
  }
  if (at.ended !== undefined || at.takenOver !== undefined) endedHarness.add(at);
}

function readPlain(type: number, schema: number, body: Uint8Array): void {
  // The format of a list of servers is known to who asked only.
  const formats = [1, 0] as const;
  for (const clusterFormat of formats) {
    try {
      decodeClientResponse(type, schema, body, { clusterFormat });
      return;
    } catch (error) {
      if (clusterFormat === 0) throw error;
    }
  }
}
