import { describe, expect, it } from 'vitest';
import { type Connection, type Logger, type Member, SeededRandom } from '../base/index.ts';
import { CALM_NETWORK, SimulatedNetwork } from '../sim/network.ts';
import { ProcessClock, Scheduler } from '../sim/scheduler.ts';
import { encodeClientResponse, encodeExtensionResponse } from '../wire/index.ts';
import { PeerKinds } from './peer-kinds.ts';

const FAULTS = { ...CALM_NETWORK, latencyMs: 0.3, jitterMs: 0.2 };
const HELLO = encodeExtensionResponse({
  type: 'hello',
  version: 1,
  nodeId: 2n,
  address: '10.0.0.2:9000',
  requestsInFlight: 16,
  batchesAhead: 2,
});
const UNKNOWN_REQUEST = encodeClientResponse({
  type: 'failure',
  code: 1005,
  message: 'unrecognized request type',
});

function member(id: bigint): Member {
  return { id, address: `10.0.0.${id}:9000`, role: 'voter' };
}

class World {
  readonly scheduler = new Scheduler();
  readonly network = new SimulatedNetwork(this.scheduler, new SeededRandom(3), FAULTS);
  readonly heard: boolean[] = [];
  readonly log: string[] = [];
  readonly kinds: PeerKinds;

  constructor(electionTimeoutMs: number) {
    const logger: Logger = (level) => {
      this.log.push(level);
    };
    this.kinds = new PeerKinds({
      self: 1n,
      network: this.network.at('10.0.0.1:9000'),
      clock: new ProcessClock(this.scheduler),
      logger,
      electionTimeoutMs,
      asked: () => undefined,
      changed: (allQuorate) => this.heard.push(allQuorate),
    });
  }

  /** A node that gives this answer to whatever it is asked; undefined: none. */
  async node(
    id: bigint,
    answer: Uint8Array | undefined | (() => Uint8Array | undefined),
  ): Promise<void> {
    const { address } = member(id);
    const given = typeof answer === 'function' ? answer : () => answer;
    await this.network.at(address).listen(address, (connection: Connection) => {
      connection.start({
        data: () => {
          const bytes = given();
          if (bytes !== undefined) connection.write(bytes.slice());
        },
        drain: () => undefined,
        close: () => undefined,
      });
    });
  }

  async run(ms: number): Promise<void> {
    const end = this.scheduler.now() + ms;
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    await turn();
    while (this.scheduler.step(end)) await turn();
  }
}

describe('the kinds of the members', () => {
  it('are taken for C until each has said that it is Quorate', async () => {
    const world = new World(800);
    await world.node(2n, HELLO);
    world.kinds.configured([member(1n)]);
    expect(world.heard).toEqual([]);
    world.kinds.configured([member(1n), member(2n), member(3n)]);
    expect(world.heard).toEqual([false]);
    world.kinds.lead();
    await world.run(500);
    // The third does not run yet.
    expect(world.heard).toEqual([false]);
    await world.node(3n, HELLO);
    await world.run(5_000);
    expect(world.heard).toEqual([false, true]);
    world.kinds.configured([member(1n), member(2n), { ...member(3n), address: '10.0.0.4:9000' }]);
    expect(world.kinds.allQuorate).toBe(false);
    world.kinds.stop();
  });

  it.each([
    ['a failure', UNKNOWN_REQUEST],
    ['silence', undefined],
  ])('are C after %s, of which an impatient node warns once', async (_name, answer) => {
    const world = new World(800);
    await world.node(2n, answer);
    world.kinds.configured([member(1n), member(2n)]);
    world.kinds.follow(2n);
    await world.run(200_000);
    expect(world.kinds.allQuorate).toBe(false);
    expect(world.log).toEqual(['info', 'warn']);
    world.kinds.stop();
  });

  it('are asked again soon after silence, which may have been a node that hung', async () => {
    const world = new World(800);
    let answer: Uint8Array | undefined;
    await world.node(2n, () => answer);
    world.kinds.configured([member(1n), member(2n)]);
    world.kinds.lead();
    await world.run(5_000);
    expect(world.kinds.isC(2n)).toBe(true);
    answer = HELLO;
    await world.run(11_000);
    expect(world.kinds.allQuorate).toBe(true);
    world.kinds.stop();
  });

  it('cause no warning when this node is patient enough', async () => {
    const world = new World(3000);
    await world.node(2n, UNKNOWN_REQUEST);
    world.kinds.configured([member(1n), member(2n)]);
    world.kinds.lead();
    await world.run(5_000);
    expect(world.log).toEqual(['info']);
    world.kinds.stop();
  });
});
