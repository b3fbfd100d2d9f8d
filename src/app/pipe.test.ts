import { afterEach, describe, expect, test } from 'vitest';
import type { Connection } from '../base/index.ts';
import { localPipe } from './local-pipe.ts';
import { openPipe, PipeConnection } from './pipe.ts';

class End {
  readonly connection: Connection;
  received = Buffer.alloc(0);
  drains = 0;
  closed = false;
  answer: ((bytes: Uint8Array) => Uint8Array) | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.start({
      data: (bytes) => {
        this.received = Buffer.concat([this.received, bytes]);
        if (this.answer !== undefined) connection.write(this.answer(bytes));
      },
      drain: () => {
        this.drains++;
      },
      close: () => {
        this.closed = true;
      },
    });
  }
}

let ends: End[] = [];

function betweenThreads(): readonly [Connection, Connection] {
  const { connection, port } = openPipe();
  return [connection, new PipeConnection(port)];
}

afterEach(() => {
  for (const { connection } of ends) connection.destroy();
});

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !condition(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(condition()).toBe(true);
}

describe.each([
  ['between threads', betweenThreads],
  ['within a thread', localPipe],
])('%s', (_, open) => {
  function pipe(): readonly [End, End] {
    const [left, right] = open();
    const pair = [new End(left), new End(right)] as const;
    ends = [...pair];
    return pair;
  }

  test('bytes arrive in order, and what is buffered falls to 0 when they were taken', async () => {
    const [left, right] = pipe();
    const sent: number[] = [];
    for (let i = 0; i < 100; i++) {
      left.connection.write(Uint8Array.of(i, i + 1));
      sent.push(i, i + 1);
    }
    expect(left.connection.bufferedBytes).toBe(200);
    await until(() => left.drains === 1);
    expect([...right.received]).toEqual(sent);
    expect(left.connection.bufferedBytes).toBe(0);
  });

  test('an answer tells that its request was taken', async () => {
    const [left, right] = pipe();
    right.answer = (bytes) => bytes.slice();
    for (let i = 1; i <= 50; i++) {
      left.connection.write(new Uint8Array(100).fill(i));
      await until(() => left.received.length === i * 100);
      expect(left.connection.bufferedBytes).toBe(0);
    }
    expect(left.drains).toBe(50);
    await until(() => right.connection.bufferedBytes === 0);
  });

  test('a paused end takes nothing, and the other one sees that', async () => {
    const [left, right] = pipe();
    right.connection.pause();
    const chunk = new Uint8Array(100_000);
    for (let i = 0; i < 5; i++) left.connection.write(chunk.slice());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(left.connection.bufferedBytes).toBe(500_000);
    expect(right.received.length).toBe(0);
    right.connection.resume();
    await until(() => left.drains === 1);
    expect(right.received.length).toBe(500_000);
  });

  test('what was written before the end arrives', async () => {
    const [left, right] = pipe();
    left.connection.write(Uint8Array.of(1, 2, 3));
    left.connection.end();
    await until(() => right.closed && left.closed);
    expect([...right.received]).toEqual([1, 2, 3]);
  });

  test('a paused end is told when the other one is gone', async () => {
    const [left, right] = pipe();
    right.connection.pause();
    left.connection.write(Uint8Array.of(1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    left.connection.destroy();
    await until(() => right.closed);
    expect(left.closed).toBe(true);
  });

  test('nothing arrives inside a call', () => {
    const [left, right] = pipe();
    left.connection.write(Uint8Array.of(1));
    right.connection.write(Uint8Array.of(1));
    expect([left.received.length, right.received.length]).toEqual([0, 0]);
  });
});
