import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { systemClock } from './clock.ts';
import { SystemRandom } from './random.ts';
import { sha256 } from './sha256.ts';
import { localPorts, ThreadPort } from './threads.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function channel(): [ThreadPort<unknown, unknown>, ThreadPort<unknown, unknown>] {
  const { port1, port2 } = new MessageChannel();
  return [new ThreadPort(port1), new ThreadPort(port2)];
}

describe.each([
  ['thread port', channel],
  ['local port', () => localPorts<unknown, unknown>()],
])('%s', (_name, make) => {
  test('messages arrive in order and never inside post', async () => {
    const [a, b] = make();
    const seen: unknown[] = [];
    b.onMessage((message) => seen.push(message));
    for (let i = 0; i < 1_000; i++) a.post(i);
    expect(seen).toEqual([]);
    while (seen.length < 1_000) await turn();
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
    a.close();
    b.close();
  });

  test('drain delivers what has arrived without a turn, and in order inside a handler', async () => {
    const [a, b] = make();
    const seen: unknown[] = [];
    b.onMessage((message) => {
      seen.push(message);
      if (message === 'run') b.drain();
      seen.push(`end ${String(message)}`);
    });
    a.post('run');
    a.post('control 1');
    await Promise.resolve();
    a.post('control 2');
    a.drain();
    while (seen.length < 6) await turn();
    const nested = seen.indexOf('end run');
    expect(nested).toBeGreaterThan(seen.indexOf('end control 1'));
    expect(seen.filter((item) => !String(item).startsWith('end'))).toEqual([
      'run',
      'control 1',
      'control 2',
    ]);
    a.close();
    b.close();
  });

  test('nothing arrives after close', async () => {
    const [a, b] = make();
    const seen: unknown[] = [];
    b.onMessage((message) => seen.push(message));
    b.close();
    a.post(1);
    await turn();
    await turn();
    expect(seen).toEqual([]);
    a.close();
  });
});

test('a thread port reaches a worker that is inside one long call', async () => {
  // The worker never returns to its event loop until it has seen "stop" by receiveMessageOnPort.
  const worker = new Worker(
    `const { parentPort, receiveMessageOnPort, workerData } = require('node:worker_threads');
     const port = workerData.port; let stop = false; let rounds = 0;
     while (!stop) { rounds++; const got = receiveMessageOnPort(port);
       if (got) for (const m of got.message) if (m === 'stop') stop = true; }
     port.postMessage(['stopped']);`,
    (() => {
      const { port1, port2 } = new MessageChannel();
      main = new ThreadPort<string, string>(port1);
      return { eval: true, workerData: { port: port2 }, transferList: [port2] };
    })(),
  );
  const answer = new Promise<string>((resolve) => main?.onMessage(resolve));
  main?.post('go on');
  main?.post('stop');
  expect(await answer).toBe('stopped');
  main?.close();
  await worker.terminate();
});
let main: ThreadPort<string, string> | undefined;

test('buffers change owner, also when one is named twice', async () => {
  const [a, b] = channel();
  const bytes = new Uint8Array([1, 2, 3]);
  const got = new Promise<unknown>((resolve) => b.onMessage(resolve));
  a.post({ bytes }, [bytes.buffer]);
  a.post('more', [bytes.buffer]);
  expect(await got).toEqual({ bytes: new Uint8Array([1, 2, 3]) });
  expect(bytes.length).toBe(0);
  a.close();
  b.close();
});

test('a busy local port leaves the event loop its turns', async () => {
  const [a, b] = localPorts<number, number>();
  let rounds = 0;
  a.onMessage((message) => a.post(message + 1));
  b.onMessage((message) => {
    rounds++;
    b.post(message + 1);
  });
  a.post(0);
  await turn();
  await turn();
  const seen = rounds;
  expect(seen).toBeGreaterThan(0);
  await turn();
  await turn();
  await turn();
  expect(rounds).toBeGreaterThan(seen);
  a.close();
  b.close();
});

test('timers are never early and can be cancelled', async () => {
  const from = systemClock.now();
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  expect(systemClock.now() - from).toBeGreaterThanOrEqual(5);
  let ran = false;
  systemClock
    .after(1, () => {
      ran = true;
    })
    .cancel();
  await new Promise<void>((resolve) => systemClock.after(10, resolve));
  expect(ran).toBe(false);
});

test('system random numbers are 32-bit words and fractions', () => {
  const random = new SystemRandom();
  const words = new Set(Array.from({ length: 3_000 }, () => random.uint32()));
  expect(words.size).toBeGreaterThan(2_990);
  expect([...words].every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(
    true,
  );
  expect(random.float()).toBeLessThan(1);
});

test('SHA-256 of "abc"', () => {
  const hash = sha256();
  hash.update(utf8('a'));
  hash.update(utf8('bc'));
  expect(Buffer.from(hash.digest()).toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('messages written as values in a row keep their order among the others', async () => {
  const { port1, port2 } = new MessageChannel();
  type Message = { readonly n: number; readonly text?: string };
  const a = new ThreadPort<Message, Message>(port1, {
    pack: ({ n, text }, into) => {
      if (text === undefined) return false;
      into.push(0, n, text);
      return true;
    },
  });
  const b = new ThreadPort<Message, Message>(port2, {
    unpack: (from) => {
      from.expect(0);
      return { n: from.number(), text: from.text() };
    },
  });
  const seen: Message[] = [];
  b.onMessage((message) => seen.push(message));
  const sent = [{ n: 1 }, { n: 2, text: 'a' }, { n: 3, text: 'b' }, { n: 4 }, { n: 5, text: '' }];
  for (const message of sent) a.post(message);
  a.drain();
  b.drain();
  expect(seen).toEqual(sent);
  a.close();
  b.close();
});
