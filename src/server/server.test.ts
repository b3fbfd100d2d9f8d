import { afterEach, describe, expect, test } from 'vitest';
import { FakeNode } from '../../test/support/fake-node.ts';
import { RawClient } from '../../test/support/raw-client.ts';
import { HELLO_WORD } from '../../test/support/session-harness.ts';
import { type Connection, LIMITS, type Limits, utf8 } from '../base/index.ts';
import { sha256, systemClock, TcpNetwork } from '../net/index.ts';
import { decodeClientResponse, encodeClientRequest, RowSetWriter } from '../wire/index.ts';
import { Server, type ServerOptions } from './server.ts';

const LEADER = encodeClientRequest({ type: 'leader' });
const OPEN = encodeClientRequest({ type: 'open', name: 'db', flags: 0n, vfs: '' });
const QUERY = encodeClientRequest({
  type: 'query-sql',
  schema: 0,
  db: 0n,
  sql: 'SELECT x',
  parameters: [],
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Setup {
  readonly node: FakeNode;
  readonly server: Server;
  readonly reasons: string[];
  connect(): Promise<RawClient>;
}

async function setup(
  limits: Partial<Limits> = {},
  options: Partial<ServerOptions> = {},
): Promise<Setup> {
  const node = new FakeNode();
  const reasons: string[] = [];
  const server = new Server({
    services: node,
    hash: sha256,
    limits: { ...LIMITS, ...limits },
    dqliteReads: 'linearizable',
    logger: (_level, _message, fields) => reasons.push(String(fields?.reason ?? fields?.error)),
    clock: systemClock,
    acceptRaft: () => undefined,
    ...options,
  });
  const address = await server.listen(new TcpNetwork(), '127.0.0.1:0');
  cleanups.push(() => server.close());
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(address);
    cleanups.push(() => client.close());
    return client;
  };
  return { node, server, reasons, connect };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('deadlines', () => {
  test('a handshake that does not come to its end', async () => {
    const { connect, server, reasons } = await setup({ handshakeMs: 40 });
    const client = await connect();
    client.send(HELLO_WORD.subarray(0, 3));
    await client.untilClosed();
    expect(reasons).toEqual(['no complete handshake in time']);
    await until(() => server.connections === 0);
  });

  test('a message that trickles in', async () => {
    const { connect, reasons } = await setup({ messageMs: 60 });
    const client = await connect();
    client.send(HELLO_WORD);
    for (const byte of LEADER.subarray(0, 10)) {
      client.send(new Uint8Array([byte]));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await client.untilClosed();
    expect(reasons).toEqual(['no complete message in time']);
  });

  test('idle connections stay, also after messages', async () => {
    const { connect, server } = await setup({ handshakeMs: 20, messageMs: 20 });
    const client = await connect();
    client.send(HELLO_WORD);
    client.send(LEADER);
    await client.next();
    await new Promise((resolve) => setTimeout(resolve, 80));
    client.send(LEADER);
    expect((await client.next())?.type).toBe(1);
    expect(server.connections).toBe(1);
  });

  test('a request that takes long is not a late message', async () => {
    const { node, connect } = await setup({ handshakeMs: 20, messageMs: 20 });
    const client = await connect();
    client.send(new Uint8Array([...HELLO_WORD, ...OPEN, ...QUERY]));
    await client.next();
    await until(() => node.calls.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 80));
    node.last.done();
    expect((await client.next())?.type).toBe(7);
  });
});

describe('limits', () => {
  test('connections in all', async () => {
    const { connect, server } = await setup({ connections: 2 });
    await connect();
    const second = await connect();
    await until(() => server.connections === 2);
    const third = await connect();
    await third.untilClosed();
    second.close();
    await until(() => server.connections === 1);
    const fourth = await connect();
    fourth.send(HELLO_WORD);
    fourth.send(LEADER);
    expect((await fourth.next())?.type).toBe(1);
  });

  test('connections of one address', async () => {
    const { connect, server } = await setup({ connectionsPerAddress: 1 });
    const first = await connect();
    await until(() => server.connections === 1);
    const second = await connect();
    await second.untilClosed();
    expect(first.closed).toBe(false);
  });

  test('a message above the limit is refused at its header', async () => {
    const { connect } = await setup({ clientMessageBytes: 1_024 });
    const client = await connect();
    client.send(HELLO_WORD);
    client.send(new Uint8Array([128, 0, 0, 0, 0, 0, 0, 0]));
    await client.untilClosed();
  });
});

describe('back-pressure', () => {
  test('a client that does not read its rows stops the query, not the server', async () => {
    const { node, connect } = await setup();
    const slow = await connect();
    slow.send(new Uint8Array([...HELLO_WORD, ...OPEN, ...QUERY]));
    await slow.next();
    await until(() => node.calls.length === 1);
    slow.pause();
    const call = node.last;
    const body = new Uint8Array(64 * 1024);
    const writer = new RowSetWriter();
    writer.beginFirst(['x'], ['']);
    writer.beginRow();
    writer.blob(body);
    const batch = writer.end(true);
    // As a reader would: two batches ahead, then one per credit, until the credit stays away.
    let sent = 0;
    for (let allowed = 2, idle = 0; idle < 20; ) {
      if (sent < allowed + call.credits) {
        call.rows(batch.slice());
        sent++;
        idle = 0;
        allowed = 2;
      } else {
        idle++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    expect(sent * body.length).toBeLessThan(32 * 1024 * 1024);
    const other = await connect();
    other.send(new Uint8Array([...HELLO_WORD, ...LEADER]));
    expect((await other.next())?.type).toBe(1);
    const before = call.credits;
    slow.resume();
    await until(() => call.credits > before);
  });

  test('pipelined requests are all answered, in order', async () => {
    const { node, connect } = await setup();
    const client = await connect();
    node.answer = (call) => {
      setTimeout(() => call.done([{ rowsAffected: node.calls.length }]), 0);
    };
    client.send(new Uint8Array([...HELLO_WORD, ...OPEN]));
    await client.next();
    const exec = encodeClientRequest({
      type: 'exec-sql',
      schema: 0,
      db: 0n,
      sql: 'INSERT',
      parameters: [],
    });
    for (let i = 0; i < 300; i++) client.send(exec);
    for (let i = 1; i <= 300; i++) {
      const message = await client.next();
      if (message === undefined) throw new Error('closed');
      expect(decodeClientResponse(message.type, message.schema, message.body)).toMatchObject({
        rowsAffected: BigInt(i),
      });
    }
  });
});

describe('ends', () => {
  test('a client that goes away rolls back', async () => {
    const { node, connect, server } = await setup();
    const client = await connect();
    client.send(new Uint8Array([...HELLO_WORD, ...OPEN, ...QUERY]));
    await client.next();
    client.close();
    await until(() => server.connections === 0);
    expect(node.sessions[0].closed).toBe(true);
  });

  test('close ends connections and listening', async () => {
    const { connect, server } = await setup();
    const client = await connect();
    client.send(new Uint8Array([...HELLO_WORD, ...LEADER]));
    await client.next();
    await server.close();
    await client.untilClosed();
    await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a defect of a session ends its connection only', async () => {
    const { node, connect, reasons } = await setup();
    node.isLeader = () => {
      throw new Error('a defect');
    };
    const client = await connect();
    client.send(new Uint8Array([...HELLO_WORD, ...OPEN]));
    await client.untilClosed();
    expect(reasons).toEqual(['Error: a defect']);
    const other = await connect();
    other.send(new Uint8Array([...HELLO_WORD, ...LEADER]));
    expect((await other.next())?.type).toBe(1);
  });

  test('Connect hands the connection to raft, with what came with it and after it', async () => {
    let got = '';
    let ended = false;
    let peer = '';
    const { connect, server } = await setup(
      { messageMs: 30 },
      {
        acceptRaft: (connection: Connection, id, address, rest) => {
          peer = `${id} ${address}`;
          got = Buffer.from(rest).toString();
          connection.start({
            data: (bytes) => {
              got += Buffer.from(bytes).toString();
            },
            drain: () => undefined,
            close: () => {
              ended = true;
            },
          });
        },
      },
    );
    const client = await connect();
    const message = encodeClientRequest({ type: 'connect', id: 7n, address: 'peer:1' });
    client.send(new Uint8Array([...HELLO_WORD, ...message, ...utf8('first ')]));
    await until(() => peer !== '');
    expect(server.connections).toBe(0);
    client.send(utf8('second'));
    await until(() => got.length >= 12);
    expect([peer, got]).toEqual(['7 peer:1', 'first second']);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(ended).toBe(false);
    client.close();
    await until(() => ended);
  });

  test('a planned one waits for what was asked, for so long at most', async () => {
    const { connect, node, server } = await setup();
    const client = await connect();
    client.send(new Uint8Array([...HELLO_WORD, ...OPEN, ...QUERY]));
    await client.next();
    await until(() => node.calls.length === 1);
    let drained = false;
    const drain = server.drain(60_000).then(() => {
      drained = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(drained).toBe(false);
    node.last.done();
    expect((await client.next())?.type).toBe(7);
    await drain;
    client.send(QUERY);
    await until(() => node.calls.length === 2);
    await server.drain(20);
    expect(client.closed).toBe(false);
  });
});
