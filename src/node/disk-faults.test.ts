import process from 'node:process';
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../base/index.ts';
import type { DiskCall, DiskFault } from '../sim/disk.ts';
import { Cluster } from './testing/cluster.ts';

/** Every so many calls fail in the short run; all of them in the long one (npm run test:crash). */
const STEP = process.env.CRASH_DRAWS === undefined ? 29 : 1;

const WAYS: readonly (readonly [string, DiskFault])[] = [
  ['EIO', { kind: 'error', code: 'EIO' }],
  ['ENOSPC', { kind: 'error', code: 'ENOSPC' }],
  ['EIO and lost pages', { kind: 'lost', code: 'EIO' }],
  ['power loss', { kind: 'crash-after' }],
];

/** Work of a cluster of three, of which the disk calls of one node fail. */
interface Scenario {
  readonly name: string;
  readonly victim: NodeId;
  prepare(run: Run): Promise<void>;
  work(run: Run): Promise<void>;
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a follower gets a snapshot and what comes after it',
    victim: 3n,
    prepare: async (run) => {
      await run.cluster.crash(3n);
      await run.write(30);
    },
    work: async (run) => {
      await run.startVictim();
      await run.write(4);
      await run.cluster.run(150);
      await run.write(2);
    },
  },
  {
    name: 'a follower gets entries and takes a snapshot',
    victim: 2n,
    prepare: (run) => run.write(6),
    work: (run) => run.write(14),
  },
  {
    name: 'a leader takes a snapshot between writes',
    victim: 1n,
    prepare: (run) => run.write(6),
    work: (run) => run.write(14),
  },
  {
    name: 'a follower becomes leader',
    victim: 2n,
    prepare: (run) => run.write(3),
    work: async (run) => {
      await run.cluster.crash(1n);
      await run.cluster.run(400);
      await run.write(2);
      await run.start(1n);
    },
  },
];

/** One cluster with its writes and what became of them. */
class Run {
  readonly cluster = new Cluster();
  readonly victim: NodeId;
  /** Values by key that were acknowledged. */
  readonly acknowledged = new Map<string, string>();
  #count = 0;

  constructor(victim: NodeId) {
    this.victim = victim;
    this.cluster.snapshot = { entries: 8, trailing: 2 };
  }

  /** Writes one after another, each to whoever leads then; what fails counts as unknown. */
  async write(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      const key = `k${++this.#count}`;
      const leader = this.#leader();
      if (leader === undefined) {
        await this.cluster.run(100);
        continue;
      }
      const running = this.cluster.submit(leader, `SET ${key} ${this.#count}`, { timeoutMs: 200 });
      const ended = await this.cluster.until(running, 2_000).catch(() => undefined);
      if (ended?.result.kind === 'done') this.acknowledged.set(key, `${this.#count}`);
    }
  }

  #leader(): NodeId | undefined {
    for (const [id, { node }] of this.cluster.processes) if (node?.isLeader()) return id;
    return undefined;
  }

  async start(id: NodeId): Promise<void> {
    await this.cluster.start(id, 'resume');
  }

  /** The start itself may fail: then it stays down. */
  async startVictim(): Promise<void> {
    try {
      await this.start(this.victim);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      expect(['DISK_FAILED', 'DISK_FULL', 'ECRASHED', 'NODE_STOPPED']).toContain(code);
    }
  }

  /** Power is lost at the victim; it starts again, and all have everything that was acknowledged. */
  async recover(): Promise<void> {
    const { cluster, victim } = this;
    const { disk, events } = cluster.process(victim);
    disk.setFault(undefined);
    for (const event of events) {
      if (event.kind === 'stopped') expect(event.reason).toMatch(/disk|simulated process is dead/);
    }
    events.length = 0;
    await cluster.crash(victim);
    await this.start(victim);
    await cluster.when(() => cluster.leader() !== undefined);
    await cluster.run(300);
    await this.write(1);
    // A leader gives a snapshot that was never answered for lost only after a while.
    const commit = cluster.leader()?.status().commit ?? 0;
    await cluster.when(
      () => [...cluster.processes.values()].every(({ store }) => store.index >= commit),
      60_000,
    );
    const stores = [...cluster.processes.values()].map(({ store }) => store.published);
    for (const store of stores) {
      for (const [key, value] of this.acknowledged) expect(store.get(key)).toBe(value);
      expect(store).toEqual(stores[0]);
    }
    expect(this.acknowledged.get(`k${this.#count}`)).toBe(`${this.#count}`);
    expect(cluster.node(victim).status().quarantined).toBe(false);
    cluster.expectNoneStopped();
  }
}

/** Runs a scenario with one call of the victim failing; answers how many calls it made. */
async function runWithFault(scenario: Scenario, number: number, fault: DiskFault): Promise<number> {
  const run = new Run(scenario.victim);
  await run.cluster.three();
  await run.cluster.run(50);
  await scenario.prepare(run);
  const { disk } = run.cluster.process(scenario.victim);
  const before = disk.calls;
  let crashed = false;
  disk.setFault((call: DiskCall) => {
    if (call.number !== before + number) return undefined;
    crashed = fault.kind === 'crash-after';
    return fault;
  });
  await scenario.work(run);
  const calls = disk.calls - before;
  // Power is lost as a whole, not only for the disk.
  if (crashed) await run.cluster.crash(scenario.victim);
  await run.recover();
  return calls;
}

describe('a disk call of a running node fails', () => {
  it.each(WAYS)('by %s', async (_name, fault) => {
    let runs = 0;
    for (const scenario of SCENARIOS) {
      const calls = await runWithFault(scenario, 0, fault);
      expect(calls).toBeGreaterThan(10);
      for (let number = 1 + (runs % STEP); number <= calls; number += STEP) {
        try {
          await runWithFault(scenario, number, fault);
        } catch (error) {
          throw new Error(`${scenario.name}, call ${number} of ${calls}`, { cause: error });
        }
        runs++;
      }
    }
  });
});
