import { SeededRandom } from '../../src/base/index.ts';
import { type Client, type ClientOptions, createClient } from '../../src/client/index.ts';
import { FakeServer, type FakeServerOptions } from './fake-server.ts';
import { TestClock } from './test-clock.ts';
import { TestNetwork } from './test-network.ts';

/** Three scripted servers a, b, c with ids 1, 2, 3; `a` leads. And a client that knows all of them. */
export class FakeCluster {
  readonly clock = new TestClock();
  readonly network = new TestNetwork(this.clock);
  readonly a: FakeServer;
  readonly b: FakeServer;
  readonly c: FakeServer;
  readonly client: Client;

  constructor(
    options: Pick<FakeServerOptions, 'speaks' | 'requestsInFlight'> = {},
    clientOptions: Partial<ClientOptions> = {},
  ) {
    this.a = new FakeServer(this.network, { id: 1n, address: 'a:1', ...options });
    this.b = new FakeServer(this.network, { id: 2n, address: 'b:1', ...options });
    this.c = new FakeServer(this.network, { id: 3n, address: 'c:1', ...options });
    this.lead(this.a);
    this.client = createClient({
      network: this.network,
      clock: this.clock,
      random: new SeededRandom(7),
      servers: this.servers.map(({ address }) => address),
      ...clientOptions,
    });
  }

  get servers(): readonly FakeServer[] {
    return [this.a, this.b, this.c];
  }

  /** All servers learn of a new leader; undefined = there is none. */
  lead(leader: FakeServer | undefined): void {
    const hint = { id: leader?.id ?? 0n, address: leader?.address ?? '' };
    for (const server of this.servers) server.setLeader(hint);
  }

  /** SQL texts that arrived anywhere. */
  get statements(): string[] {
    return this.servers.flatMap(({ statements }) => statements);
  }
}
