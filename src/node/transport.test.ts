import { expect, test } from 'vitest';
import { TestClock } from '../../test/fakes/test-clock.ts';
import { TestNetwork } from '../../test/fakes/test-network.ts';
import { term } from '../base/index.ts';
import { Transport } from './transport.ts';

const answer = {
  type: 'request-vote-result',
  term: term(1),
  granted: false,
  preVote: true,
} as const;

test('answers to thousands of claimed ids are kept for a few of them; members keep their place', async () => {
  const clock = new TestClock();
  const network = new TestNetwork(clock);
  const transport = new Transport({
    ...{ id: 1n, address: 'n1:1', clock, dialTimeoutMs: 100, silenceMs: 1000 },
    network: {
      dial: (address, timeoutMs) => network.dial(address, timeoutMs),
      listen: () => Promise.reject(new Error('nobody listens')),
    },
    unreachable: () => undefined,
  });
  network.serve('n2:1', () => undefined);
  transport.retain(new Set([1n, 2n]));
  transport.send({ to: 2n, address: 'n2:1', message: answer });
  for (let i = 0; i < 5_000; i++) {
    transport.send({ to: BigInt(10 + i), address: `nowhere:${i}`, message: answer });
  }
  expect(transport.peers).toBe(17);
  await clock.advance(10);
  transport.send({ to: 2n, address: 'n2:1', message: answer });
  expect(network.dialled.filter((address) => address === 'n2:1')).toHaveLength(1);
  transport.stop();
});
