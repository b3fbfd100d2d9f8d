import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LinkProxy, targetOf } from './link-proxy.ts';
import { LinkTable } from './link-table.ts';
import { FREE } from './relay.ts';
import { reset } from './reset.ts';
import { socketOwner } from './socket-owner.ts';

const CUT = { ...FREE, cut: true };
/** Long enough for bytes on loopback to arrive, if they do. */
const SETTLE_MS = 60;

interface End {
  readonly socket: Socket;
  text: string;
  state: 'open' | 'ended' | 'lost';
}

function listenTo(socket: Socket): End {
  const end: End = { socket, text: '', state: 'open' };
  socket.on('data', (bytes) => {
    end.text += bytes;
  });
  socket.on('end', () => {
    end.state = 'ended';
  });
  socket.on('error', () => {
    end.state = 'lost';
  });
  return end;
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('links between a caller "a" and a server "b"', () => {
  const links = new LinkTable();
  const accepted: End[] = [];
  let server: Server;
  let proxy: LinkProxy;
  let caller: string | undefined = 'a';

  beforeEach(async () => {
    accepted.length = 0;
    caller = 'a';
    links.heal();
    server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(listenTo(socket)));
    proxy = await LinkProxy.listen({
      listen: { host: '127.0.0.1', port: 0 },
      target: { host: '127.0.0.1', port: await portOf(server) },
      to: 'b',
      caller: () => caller,
      links,
    });
  });

  afterEach(() => {
    proxy.close();
    links.destroy();
    server.close();
  });

  async function dial(): Promise<End> {
    const socket = connect({ ...targetOf(`127.0.0.1:${proxy.port}`), allowHalfOpen: true });
    const end = listenTo(socket);
    await once(socket, 'connect');
    return end;
  }

  async function opened(): Promise<[a: End, b: End]> {
    const a = await dial();
    a.socket.write('hello.');
    await expect.poll(() => accepted[0]?.text).toBe('hello.');
    const [b] = accepted;
    if (b === undefined) throw new Error('nothing was accepted');
    return [a, b];
  }

  it('carry bytes and ends both ways', async () => {
    const [a, b] = await opened();
    b.socket.end('answer');
    await expect.poll(() => `${a.text} ${a.state}`).toBe('answer ended');
    a.socket.end('more');
    await expect.poll(() => `${b.text} ${b.state}`).toBe('hello.more ended');
    await expect.poll(() => links.connections).toBe(0);
  });

  it('that are cut hold bytes and ends until they are healed', async () => {
    const [a, b] = await opened();
    links.setBoth('a', 'b', CUT);
    a.socket.end('late');
    b.socket.write('late too');
    await sleep(SETTLE_MS);
    expect([a.text, b.text, b.state]).toEqual(['', 'hello.', 'open']);
    links.heal();
    await expect.poll(() => [a.text, b.text, b.state]).toEqual(['late too', 'hello.late', 'ended']);
  });

  it('that are cut in one direction carry the other', async () => {
    const [a, b] = await opened();
    links.set('a', 'b', CUT);
    a.socket.write('late');
    b.socket.write('in time');
    await expect.poll(() => a.text).toBe('in time');
    expect(b.text).toBe('hello.');
  });

  it('that are cut do not tell that the other side is gone', async () => {
    const [a, b] = await opened();
    links.setBoth('a', 'b', CUT);
    b.socket.resetAndDestroy();
    await sleep(SETTLE_MS);
    a.socket.write('to nobody');
    await sleep(SETTLE_MS);
    expect(a.state).toBe('open');
    links.heal();
    await expect.poll(() => a.state).not.toBe('open');
  });

  it('that are cut dial nobody before they are healed', async () => {
    links.set('b', 'a', CUT);
    const a = await dial();
    a.socket.write('hello');
    await sleep(SETTLE_MS);
    expect(accepted).toEqual([]);
    links.heal();
    await expect.poll(() => accepted[0]?.text).toBe('hello');
  });

  it('that are late deliver in order', async () => {
    const [a, b] = await opened();
    links.set('a', 'b', { ...FREE, delayMs: 40 });
    a.socket.write('1');
    await sleep(5);
    a.socket.write('2');
    expect(b.text).toBe('hello.');
    await expect.poll(() => b.text).toBe('hello.12');
  });

  it('tell who only writes that the other side has ended and is gone', async () => {
    const [a, b] = await opened();
    b.socket.end();
    await expect.poll(() => a.state).toBe('ended');
    b.socket.destroy();
    await expect
      .poll(() => {
        a.socket.write('to nobody');
        return a.state;
      })
      .toBe('lost');
  });

  it('that are torn leave out nothing of what they deliver', async () => {
    const [a, b] = await opened();
    links.set('a', 'b', { ...FREE, delayMs: 10_000 });
    for (const piece of ['1234', '5678', '90ab']) {
      a.socket.write(piece);
      await sleep(10);
    }
    links.tear('a', 'b', () => 2);
    links.heal();
    await expect.poll(() => b.state).not.toBe('open');
    expect(b.text).toBe('hello.12');
  });

  it('tear connections after so many bytes', async () => {
    const [a, b] = await opened();
    expect(links.tear('b', 'a', () => 3)).toBe(1);
    a.socket.write('12345');
    await expect.poll(() => [b.state, a.state]).not.toContain('open');
    expect(b.text).toBe('hello.123');
  });

  it('can be reset while their end is under way', async () => {
    const [a] = await opened();
    const closed = once(a.socket, 'close');
    a.socket.end();
    reset(a.socket);
    await closed;
    expect(a.state).toBe('open');
  });

  it('refuse a caller that nobody knows', async () => {
    caller = undefined;
    const a = await dial();
    await expect.poll(() => a.state).not.toBe('open');
    expect(accepted).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('the owner of the other end of a connection', () => {
  it('is found among the given processes while it holds it', async () => {
    const owners: (number | undefined)[] = [];
    const server = createServer((socket) => {
      owners.push(socketOwner(socket, [process.pid]), socketOwner(socket, [process.ppid]));
      socket.end();
    });
    const socket = connect(await portOf(server), '127.0.0.1');
    await once(socket.resume(), 'close');
    expect(owners).toEqual([process.pid, undefined]);
    server.close();
  });
});
