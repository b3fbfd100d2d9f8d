import { beforeEach, describe, expect, test } from 'vitest';
import type { Connection, ConnectionEvents } from '../base/index.ts';
import { Scheduler } from '../sim/scheduler.ts';
import { Peer } from './peer.ts';

class FakeConnection implements Connection {
  readonly remoteAddress = 'peer:1';
  bufferedBytes = 0;
  readonly written: number[] = [];
  destroyed = false;
  #events: ConnectionEvents | undefined;
  start(events: ConnectionEvents): void {
    this.#events = events;
  }
  write(bytes: Uint8Array): void {
    this.written.push(bytes[0]);
  }
  writeAll(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.write(chunk);
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.destroyed = true;
    this.#events?.close();
  }
}

let scheduler = new Scheduler();
let dials: { resolve(connection: Connection): void; reject(error: Error): void }[] = [];
let unreachable = 0;
let peer: Peer;

beforeEach(() => {
  scheduler = new Scheduler();
  dials = [];
  unreachable = 0;
  peer = new Peer({
    id: 2n,
    address: 'peer:1',
    clock: scheduler,
    silenceMs: 1_000,
    dial: () =>
      new Promise((resolve, reject) => {
        dials.push({ resolve, reject });
      }),
    unreachable: () => unreachable++,
  });
});

const message = (tag: number): Uint8Array[] => [Uint8Array.of(tag)];
const settle = (): Promise<void> => Promise.resolve().then(() => undefined);
function pass(ms: number): void {
  const until = scheduler.now() + ms;
  while (scheduler.step(until));
}

describe('a peer', () => {
  test('is dialled when there is something to say; what waited goes first', async () => {
    expect(dials.length).toBe(0);
    peer.send(message(1));
    peer.send(message(2));
    expect(dials.length).toBe(1);
    const connection = new FakeConnection();
    dials[0].resolve(connection);
    await settle();
    peer.send(message(3));
    expect(connection.written).toEqual([1, 2, 3]);
    expect(unreachable).toBe(0);
  });

  test('a failed dial drops what waited and is repeated with growing pauses', async () => {
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const before = scheduler.now();
      while (dials.length === i) {
        peer.send(message(i));
        pass(10);
      }
      pauses.push(scheduler.now() - before);
      dials[i].reject(new Error('refused'));
      await settle();
    }
    expect(unreachable).toBe(8);
    expect(pauses[1]).toBeLessThan(100);
    expect(Math.max(...pauses)).toBeGreaterThan(900);
    expect(Math.max(...pauses)).toBeLessThan(1_100);
  });

  test('a broken connection is reported and opened anew with the next message', async () => {
    peer.send(message(1));
    const connection = new FakeConnection();
    dials[0].resolve(connection);
    await settle();
    connection.destroy();
    expect(unreachable).toBe(1);
    peer.send(message(2));
    expect(dials.length).toBe(2);
  });

  test('a full connection drops messages instead of growing', async () => {
    peer.send(message(1));
    const connection = new FakeConnection();
    dials[0].resolve(connection);
    await settle();
    connection.bufferedBytes = 100 * 1024 * 1024;
    peer.send(message(2));
    expect(connection.written).toEqual([1]);
    expect(unreachable).toBe(1);
  });

  test('without a sign of life the connection is replaced; with one it is kept', async () => {
    peer.send(message(1));
    const first = new FakeConnection();
    dials[0].resolve(first);
    await settle();
    for (let i = 0; i < 30; i++) {
      pass(100);
      peer.heard();
      peer.send(message(2));
    }
    expect(first.destroyed).toBe(false);
    for (let i = 0; i < 15; i++) {
      pass(100);
      peer.send(message(3));
    }
    expect(first.destroyed).toBe(true);
    expect(dials.length).toBe(2);
  });

  test('a connection that opens after the end is closed again', async () => {
    peer.send(message(1));
    peer.close();
    const connection = new FakeConnection();
    dials[0].resolve(connection);
    await settle();
    expect(connection.destroyed).toBe(true);
  });
});
