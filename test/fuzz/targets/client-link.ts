import {
  type Connection,
  QuorateError,
  randomBelow,
  SeededRandom,
} from '../../../src/base/index.ts';
import { createClient } from '../../../src/client/index.ts';
import {
  encodeClientResponse,
  encodeExtensionResponse,
  MessageReader,
} from '../../../src/wire/index.ts';
import { TestClock } from '../../fakes/test-clock.ts';
import { TestNetwork } from '../../fakes/test-network.ts';
import { clientStreams } from '../captures.ts';
import { concat } from '../mutate.ts';
import type { Target } from '../target.ts';
import { demand, randomOf } from './check.ts';
import { singleResponses } from './client-responses.ts';

const HELLO = encodeExtensionResponse({
  type: 'hello',
  version: 1,
  nodeId: 1n,
  address: 'a:1',
  requestsInFlight: 4,
  batchesAhead: 2,
});
const LEADER = encodeExtensionResponse({ type: 'leader', id: 1n, address: 'a:1' });
const PLAIN = encodeClientResponse({ type: 'failure', code: 1005, message: 'unrecognized' });
const SERVER = encodeClientResponse({ type: 'server', id: 1n, address: 'a:1' });
const DB = encodeClientResponse({ type: 'db', db: 0 });
const TIMEOUT_MS = 3_000;

/**
 * The client and a server that sends what it likes: pieces at each message of the client, and now and then one
 * that nobody asked for. Every call ends in time, with a result or a QuorateError, and the client can be closed.
 */
export const clientLinkTarget: Target = {
  name: 'client-link',
  quickInputs: 60,
  corpus(random) {
    const { extension, plain } = singleResponses(random);
    const some = (of: readonly Uint8Array[]): Uint8Array[] =>
      Array.from({ length: 8 }, () => of[randomBelow(random, of.length)]);
    return [
      ...Array.from({ length: 30 }, () => concat([HELLO, LEADER, ...some(extension)])),
      ...Array.from({ length: 20 }, () => concat([PLAIN, SERVER, DB, ...some(plain)])),
      ...clientStreams('<').map((stream) => concat([PLAIN, stream])),
    ];
  },
  memory: (length) => ({
    atOnce: 1024 * 1024 + 4 * length,
    total: 64 * 1024 * 1024 + 256 * length,
  }),
  async run(bytes) {
    const random = randomOf(bytes);
    const clock = new TestClock();
    const network = new TestNetwork(clock);
    network.serve('a:1', (connection) => serve(connection, bytes, random, clock));
    const client = createClient({
      network,
      clock,
      random: new SeededRandom(random.uint32()),
      servers: ['a:1'],
    });
    const db = client.database('test');
    const options = { timeoutMs: TIMEOUT_MS };
    await ends(clock, db.query('select 1', [], options));
    await ends(clock, db.execute('insert into t values (1)', [], options));
    await ends(clock, client.cluster.members(options));
    await ends(clock, client.close());
  },
};

async function ends(clock: TestClock, call: Promise<unknown>): Promise<void> {
  const startedAt = clock.now();
  try {
    await clock.until(call);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    demand(/^[A-Z][A-Z0-9_]*$/.test(error.code), `the code ${error.code}`);
  }
  demand(clock.now() - startedAt <= 2 * TIMEOUT_MS, 'a call goes on beyond its time');
}

/** Each message of the client brings the next pieces; every connection begins at the first. */
function serve(
  connection: Connection,
  bytes: Uint8Array,
  random: SeededRandom,
  clock: TestClock,
): void {
  const reader = new MessageReader();
  let at = 0;
  let greeted = false;
  const ends = bytesOfMessages(bytes);
  const next = (): void => {
    const end = random.uint32() % 4 === 0 ? at + 1 + (random.uint32() % 64) : ends(at);
    if (at < bytes.length) connection.write(bytes.slice(at, end));
    else if (random.uint32() % 2 === 0) connection.destroy();
    at = Math.min(bytes.length, end);
  };
  connection.start({
    data: (chunk) => {
      reader.push(chunk);
      if (!greeted) {
        if (reader.word() === undefined) return;
        greeted = true;
      }
      for (let message = reader.next(); message !== undefined; message = reader.next()) {
        for (let left = 1 + (random.uint32() % 4); left > 0; left--) next();
        clock.after(random.uint32() % 500, next);
      }
    },
    drain: () => undefined,
    close: () => undefined,
  });
}

/** Where the message that begins at an offset ends. */
function bytesOfMessages(bytes: Uint8Array): (at: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return (at) => {
    if (at + 8 > bytes.length) return bytes.length;
    return Math.min(bytes.length, at + 8 + 8 * view.getUint32(at, true));
  };
}
