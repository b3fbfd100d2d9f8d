import { afterEach, describe, expect, test } from 'vitest';
import { type Connection, type ConnectionEvents, type Listener, utf8 } from '../base/index.ts';
import { formatAddress, parseAddress } from './address.ts';
import { TcpNetwork } from './tcp.ts';

const network = new TcpNetwork();
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Collects what a connection says. */
class Receiver implements ConnectionEvents {
  bytes = 0;
  readonly chunks: Uint8Array[] = [];
  drains = 0;
  closes = 0;
  reason: Error | undefined;
  #wake: (() => void)[] = [];

  data(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.chunks.push(bytes.slice());
    this.#changed();
  }
  drain(): void {
    this.drains++;
    this.#changed();
  }
  close(reason?: Error): void {
    this.closes++;
    this.reason = reason;
    this.#changed();
  }
  text(): string {
    return Buffer.concat(this.chunks).toString();
  }
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }
  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** Two joined connections over loopback. */
async function pair(): Promise<[Connection, Connection]> {
  let accepted: (connection: Connection) => void = () => undefined;
  const incoming = new Promise<Connection>((resolve) => {
    accepted = resolve;
  });
  const listener: Listener = await network.listen('127.0.0.1:0', (c) => accepted(c));
  const out = await network.dial(listener.address, 2_000);
  const into = await incoming;
  cleanups.push(() => listener.close());
  cleanups.push(() => out.destroy());
  cleanups.push(() => into.destroy());
  return [out, into];
}

describe('addresses', () => {
  test.each([
    ['127.0.0.1:9000', '127.0.0.1', 9000],
    ['localhost:1', 'localhost', 1],
    ['node-1.example:65535', 'node-1.example', 65_535],
    ['[::1]:80', '::1', 80],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
  ])('%s', (address, host, port) => {
    expect(parseAddress(address)).toEqual({ host, port });
    expect(formatAddress(host, port)).toBe(address);
  });

  test.each(['', ':1', 'a', 'a:', 'a:65536', 'a:b', '::1:80', '[::1]', 'a b:1', 'http://a:1'])(
    'refuses "%s"',
    (address) => {
      expect(() => parseAddress(address)).toThrow(expect.objectContaining({ code: 'BAD_ADDRESS' }));
    },
  );

  test('IPv4 inside IPv6 is shown as IPv4', () => {
    expect(formatAddress('::ffff:10.0.0.1', 7)).toBe('10.0.0.1:7');
  });
});

describe('connections', () => {
  test('bytes arrive in order, also when they were written before start', async () => {
    const [a, b] = await pair();
    a.start(new Receiver());
    a.write(utf8('one '));
    a.writeAll([utf8('two '), utf8('three')]);
    const at = new Receiver();
    b.start(at);
    await at.until(() => at.text() === 'one two three');
    expect(at.closes).toBe(0);
  });

  test('what is written in one turn arrives as one chunk', async () => {
    const [a, b] = await pair();
    a.start(new Receiver());
    const at = new Receiver();
    b.start(at);
    for (let i = 0; i < 50; i++) a.write(utf8('0123456789'));
    await at.until(() => at.bytes === 500);
    expect(at.chunks.length).toBe(1);
  });

  test('memory shared between threads can be written', async () => {
    const [a, b] = await pair();
    a.start(new Receiver());
    const shared = new Uint8Array(new SharedArrayBuffer(4096)).fill(7);
    const at = new Receiver();
    b.start(at);
    a.write(shared);
    await at.until(() => at.bytes === 4096);
    expect(Buffer.concat(at.chunks).every((byte) => byte === 7)).toBe(true);
  });

  test('a paused receiver holds the sender back; drain tells when all was taken', async () => {
    const [a, b] = await pair();
    const from = new Receiver();
    const at = new Receiver();
    a.start(from);
    b.start(at);
    b.pause();
    const total = 32 * 1024 * 1024;
    a.write(new Uint8Array(total));
    expect(a.bufferedBytes).toBe(total);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(at.bytes).toBe(0);
    expect(from.drains).toBe(0);
    expect(a.bufferedBytes).toBe(total);
    b.resume();
    await at.until(() => at.bytes === total);
    await from.until(() => from.drains > 0);
    expect(a.bufferedBytes).toBe(0);
  });

  test('end delivers what was queued and closes both sides without a reason', async () => {
    const [a, b] = await pair();
    const from = new Receiver();
    const at = new Receiver();
    a.start(from);
    b.start(at);
    a.write(utf8('last words'));
    a.end();
    a.write(utf8('ignored'));
    await at.until(() => at.closes > 0);
    await from.until(() => from.closes > 0);
    expect(at.text()).toBe('last words');
    expect([at.closes, from.closes]).toEqual([1, 1]);
    expect([at.reason, from.reason]).toEqual([undefined, undefined]);
  });

  test('destroy closes with its reason, once', async () => {
    const [a, b] = await pair();
    const from = new Receiver();
    const at = new Receiver();
    a.start(from);
    b.start(at);
    a.destroy(new Error('enough'));
    a.destroy(new Error('again'));
    await from.until(() => from.closes > 0);
    await at.until(() => at.closes > 0);
    expect(from.reason?.message).toBe('enough');
    expect(from.closes).toBe(1);
  });

  test('a connection that was lost before start says so at start', async () => {
    const [a, b] = await pair();
    a.start(new Receiver());
    b.destroy(new Error('lost early'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const at = new Receiver();
    b.start(at);
    await at.until(() => at.closes > 0);
    expect(at.reason?.message).toBe('lost early');
  });

  test('an answer to somebody who has gone is dropped without an error', async () => {
    const [a, b] = await pair();
    const at = new Receiver();
    a.start(new Receiver());
    b.start(at);
    a.end();
    await at.until(() => at.closes > 0);
    b.write(utf8('late'));
    expect(at.reason).toBeUndefined();
  });
});

describe('listen and dial', () => {
  test('an address in use is refused with its code', async () => {
    const listener = await network.listen('127.0.0.1:0', () => undefined);
    cleanups.push(() => listener.close());
    await expect(network.listen(listener.address, () => undefined)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });

  test('after close the address is free and nobody answers', async () => {
    const listener = await network.listen('127.0.0.1:0', () => undefined);
    await listener.close();
    await expect(network.dial(listener.address, 1_000)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const again = await network.listen(listener.address, () => undefined);
    await again.close();
  });

  test('names and IPv6 work', async () => {
    const listener = await network.listen('localhost:0', (connection) => {
      connection.start(new Receiver());
    });
    cleanups.push(() => listener.close());
    const port = parseAddress(listener.address).port;
    const connection = await network.dial(`localhost:${port}`, 2_000);
    connection.start(new Receiver());
    expect(parseAddress(connection.remoteAddress).port).toBe(port);
    connection.destroy();
  });

  test('a name that does not exist is an error, not a hang', async () => {
    await expect(network.dial('no-such-host.invalid:1', 5_000)).rejects.toBeInstanceOf(Error);
  });
});
