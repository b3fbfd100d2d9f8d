import { afterEach, describe, expect, test } from 'vitest';
import { fromUtf8, logIndex, QuorateError } from '../base/index.ts';
import type { RequestResult } from './contract.ts';
import { Cluster, failureOf, request } from './testing/cluster.ts';

let cluster = new Cluster();
afterEach(() => {
  cluster.expectNoneStopped();
  cluster = new Cluster();
});

describe('one node', () => {
  test('leads at once, commits and reads', async () => {
    const node = await cluster.start(1n, 'bootstrap');
    await cluster.when(() => node.isLeader());
    const written = await cluster.execute(1n, 'SET a 1');
    expect(written.result).toMatchObject({ kind: 'done' });
    const read = await cluster.execute(1n, 'SELECT a');
    expect(read.rows).toBe('1');
    expect(node.status()).toMatchObject({ role: 'leader', memberRole: 'voter' });
  });

  test('an empty write waits for what it has seen and for leadership', async () => {
    const node = await cluster.start(1n, 'bootstrap');
    await cluster.when(() => node.isLeader());
    const both = await cluster.until(
      Promise.all([cluster.submit(1n, 'SET a 1'), cluster.submit(1n, 'NOOP')]),
    );
    expect(both.map(({ result }) => result.kind)).toEqual(['done', 'done']);
  });

  test('goes on with its data after a crash', async () => {
    await cluster.start(1n, 'bootstrap');
    for (let i = 0; i < 20; i++) await cluster.execute(1n, `SET k${i} ${i}`);
    await cluster.crash(1n);
    await cluster.start(1n, 'resume');
    expect((await cluster.execute(1n, 'SELECT k19')).rows).toBe('19');
    expect((await cluster.execute(1n, 'SET a 2')).result.kind).toBe('done');
  });

  test('takes no snapshot of what it is only replaying', async () => {
    await cluster.start(1n, 'bootstrap');
    // More than is on its way to the machine at a time.
    const long = 'x'.repeat(500_000);
    for (let i = 0; i < 60; i++) await cluster.execute(1n, `SET k${i % 3} ${long}`);
    await cluster.execute(1n, 'SET k59 59');
    await cluster.crash(1n);
    cluster.snapshot = { entries: 10, trailing: 5 };
    const { disk } = cluster.process(1n);
    await cluster.start(1n, 'resume');
    expect((await cluster.execute(1n, 'SELECT k59')).rows).toBe('59');
    await cluster.run(1_000);
    expect(cluster.node(1n).status().counters.snapshotsTaken).toBe(1);
    const [name = ''] = disk.names().filter((each) => /^snapshot-[^.]*$/.test(each));
    expect(Number(name.split('-')[2])).toBeGreaterThan(60);
  });

  test('knows after a restart how large its last snapshot was, and lets the log grow as much', async () => {
    cluster.snapshot = { logBytes: 1000, trailing: 5 };
    await cluster.start(1n, 'bootstrap');
    await cluster.execute(1n, `SET a ${'x'.repeat(500_000)}`);
    await cluster.run(1_000);
    expect(cluster.node(1n).status().counters.snapshotsTaken).toBe(1);
    await cluster.crash(1n);
    await cluster.start(1n, 'resume');
    for (let i = 0; i < 4; i++) {
      await cluster.execute(1n, `SET b ${'y'.repeat(100_000)}`);
      await cluster.run(1_000);
      expect(cluster.node(1n).status().counters.snapshotsTaken).toBe(0);
    }
    for (let i = 0; i < 2; i++) await cluster.execute(1n, `SET b ${'y'.repeat(100_000)}`);
    await cluster.run(1_000);
    expect(cluster.node(1n).status().counters.snapshotsTaken).toBe(1);
  });

  test('takes snapshots while writes go on, and restores from them', async () => {
    cluster.snapshot = { entries: 25, trailing: 5 };
    await cluster.start(1n, 'bootstrap');
    for (let i = 0; i < 100; i++) await cluster.execute(1n, `SET k${i} ${i}`);
    const { snapshotsTaken } = cluster.node(1n).status().counters;
    expect(snapshotsTaken).toBeGreaterThan(1);
    await cluster.crash(1n);
    const node = await cluster.start(1n, 'resume');
    expect(node.status().snapshotIndex).toBeGreaterThan(25);
    expect((await cluster.execute(1n, 'SELECT k0')).rows).toBe('0');
    expect((await cluster.execute(1n, 'SELECT k99')).rows).toBe('99');
  });

  test('a full disk refuses writes and takes them again when there is room', async () => {
    const node = await cluster.start(1n, 'bootstrap');
    await cluster.execute(1n, 'SET a 1');
    const { disk, events } = cluster.process(1n);
    disk.setCapacity(0);
    const big = 'x'.repeat(50_000);
    const committed: number[] = [];
    let failed = 0;
    for (let i = 0; i < 6; i++) {
      const outcome = await cluster.execute(1n, `SET k${i} ${big}`, { timeoutMs: 2_000 });
      if (outcome.result.kind === 'failed') failed++;
      else committed.push(i);
    }
    expect(failed).toBeGreaterThan(0);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'disk', state: 'full' }));
    disk.setCapacity(Number.POSITIVE_INFINITY);
    await cluster.when(() => node.isLeader());
    await cluster.run(1_000);
    expect((await cluster.execute(1n, 'SET b 2')).result.kind).toBe('done');
    for (const i of committed) {
      expect((await cluster.execute(1n, `SELECT k${i}`)).rows).toBe(big);
    }
    expect(events).toContainEqual(expect.objectContaining({ kind: 'disk', state: 'ok' }));
  });

  test('a broken disk stops the node', async () => {
    await cluster.start(1n, 'bootstrap');
    const { disk, events } = cluster.process(1n);
    disk.setFault((call) =>
      call.kind === 'write-durable' ? { kind: 'error', code: 'EIO' } : undefined,
    );
    const outcome = await cluster.execute(1n, 'SET a 1');
    expect(failureOf(outcome).outcome).toBe('unknown');
    await cluster.when(() => events.some((event) => event.kind === 'stopped'));
    events.length = 0;
  });

  test('stops with everything closed and starts again', async () => {
    const node = await cluster.start(1n, 'bootstrap');
    await cluster.execute(1n, 'SET a 1');
    await cluster.until(node.stop());
    cluster.network.kill(cluster.process(1n).address);
    await cluster.start(1n, 'resume');
    expect((await cluster.execute(1n, 'SELECT a')).rows).toBe('1');
  });
});

describe('three nodes', () => {
  test('replicate; a follower serves linearizable reads by the index of the leader', async () => {
    await cluster.three();
    for (let i = 0; i < 10; i++) {
      await cluster.execute(1n, `SET a ${i}`);
      const read = await cluster.execute(2n, 'SELECT a');
      expect(read.rows).toBe(`${i}`);
    }
    expect(cluster.process(2n).reader?.reads).toBe(10);
    expect(cluster.node(3n).leaderHint()).toEqual({ id: 1n, address: '10.0.0.1:9000' });
  });

  test('a leader knows how old it is: an idle one serves bounded local reads, one that is cut off refuses them', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    await cluster.run(5_000);
    const local = { consistency: 'local', maxStalenessMs: 30, timeoutMs: 2_000 } as const;
    expect((await cluster.execute(1n, 'SELECT a', local)).rows).toBe('1');
    cluster.isolate(1n);
    await cluster.run(60);
    expect(cluster.node(1n).isLeader()).toBe(true);
    expect(cluster.node(1n).freshness().ageMs).toBeGreaterThanOrEqual(60);
    const refused = failureOf(await cluster.execute(1n, 'SELECT a', local));
    expect(refused).toMatchObject({ code: 'TOO_STALE', retryable: true });
    const lax = { ...local, maxStalenessMs: 10_000 };
    expect((await cluster.execute(1n, 'SELECT a', lax)).rows).toBe('1');
  });

  test('a bound shorter than the way to the leader and back is kept by asking, on the leader too', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    const now = { consistency: 'local', maxStalenessMs: 0, timeoutMs: 2_000 } as const;
    for (const id of [1n, 2n]) {
      await cluster.run(500);
      expect((await cluster.execute(id, 'SELECT a', now)).rows).toBe('1');
    }
  });

  test('a write on a follower is refused with the leader, nothing executed', async () => {
    await cluster.three();
    const failure = failureOf(await cluster.execute(2n, 'SET a 1'));
    expect(failure).toMatchObject({
      code: 'NOT_LEADER',
      outcome: 'rolled-back',
      dqliteCode: 10250,
      leader: '10.0.0.1:9000',
    });
    expect(cluster.process(2n).machine?.executed).toBe(0);
  });

  test('session reads wait for their index, local ones tell their age', async () => {
    await cluster.three();
    const written = await cluster.execute(1n, 'SET a 1');
    const index = written.result.kind === 'done' ? written.result.index : logIndex(0);
    const read = await cluster.execute(3n, 'SELECT a', {
      consistency: 'session',
      minimumIndex: index,
    });
    expect(read.rows).toBe('1');
    cluster.isolate(3n);
    await cluster.run(500);
    const old = await cluster.execute(3n, 'SELECT a', {
      consistency: 'local',
      maxStalenessMs: 300,
    });
    expect(failureOf(old).code).toBe('TOO_STALE');
    const any = await cluster.execute(3n, 'SELECT a', { consistency: 'local' });
    expect(any.rows).toBe('1');
  });

  test('the leader dies: another one leads with every acknowledged write', async () => {
    await cluster.three();
    for (let i = 0; i < 30; i++) await cluster.execute(1n, `SET k${i} ${i}`);
    await cluster.crash(1n);
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    for (let i = 0; i < 30; i++) {
      expect((await cluster.execute(leader, `SELECT k${i}`)).rows).toBe(`${i}`);
    }
    await cluster.execute(leader, 'SET after 1');
    await cluster.start(1n, 'resume');
    await cluster.when(() => cluster.process(1n).store.published.get('after') === '1');
  });

  test('a cut-off leader answers no read and learns that its write was rolled back', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a old');
    cluster.isolate(1n);
    const write = cluster.submit(1n, 'SET a lost');
    const noop = cluster.submit(1n, 'NOOP');
    const read = cluster.submit(1n, 'SELECT a');
    await cluster.when(
      () => cluster.leader()?.status().id !== 1n && cluster.leader() !== undefined,
    );
    const leader = cluster.leader()?.status().id ?? 0n;
    await cluster.execute(leader, 'SET a new');
    expect(failureOf(await cluster.until(read))).toMatchObject({ retryable: true });
    expect(failureOf(await cluster.until(noop))).toMatchObject({ outcome: 'rolled-back' });
    cluster.network.heal();
    const fate = failureOf(await cluster.until(write));
    expect(['rolled-back', 'unknown']).toContain(fate.outcome);
    await cluster.when(() => cluster.process(1n).store.published.get('a') === 'new');
    expect(cluster.process(1n).machine?.epoch).toBe(undefined);
  });

  test('a lease spares rounds on a leader that others have answered lately, and no C node may be among the members (M7)', async () => {
    cluster.heartbeatMs = 80;
    await cluster.three();
    await cluster.run(500);
    await cluster.execute(1n, 'SET a 1');
    const status = () => cluster.node(1n).status().counters;
    const read = async (times: number): Promise<{ rounds: number; leased: number }> => {
      const { readRounds, leasedReads } = status();
      for (let i = 0; i < times; i++) {
        const { rows } = await cluster.execute(1n, 'SELECT a', { consistency: 'lease' });
        expect(rows).toBe('1');
      }
      const now = status();
      return { rounds: now.readRounds - readRounds, leased: now.leasedReads - leasedReads };
    };
    /** A read has begun a lease just now. */
    const begun = async (): Promise<void> => {
      while ((await read(1)).leased === 1) await cluster.run(5);
    };
    // Each heartbeat makes a lease that ends before the next one.
    const kinds = [];
    for (let i = 0; i < 10; i++) {
      const { rounds, leased } = await read(1);
      expect(rounds + leased).toBe(1);
      kinds.push(rounds === 1 ? 'round' : 'leased');
      await cluster.run(25);
    }
    expect(kinds).toContain('leased');
    await begun();
    expect(await read(1)).toEqual({ rounds: 0, leased: 1 });
    await cluster.run(60);
    expect(await read(2)).toEqual({ rounds: 1, leased: 1 });
    await cluster.run(60);
    await cluster.execute(1n, 'SELECT a');
    expect(await read(1)).toEqual({ rounds: 0, leased: 1 });
    // It may be a C node, which would vote as soon as it has restarted.
    await cluster.until(cluster.node(1n).add(4n, '10.0.0.4:9000'));
    expect(await read(3)).toEqual({ rounds: 3, leased: 0 });
    await cluster.start(4n, 'wait');
    await cluster.run(2_000);
    await begun();
    expect((await read(3)).leased).toBe(3);
    cluster.isolate(1n);
    const asked = cluster.submit(1n, 'SELECT a', { consistency: 'lease' });
    expect((await cluster.until(asked)).rows).toBe('1');
    await cluster.run(45);
    const late = cluster.submit(1n, 'SELECT a', { consistency: 'lease' });
    expect(failureOf(await cluster.until(late))).toMatchObject({ retryable: true });
  });

  test('a program in the process is told what its reads must see, once that is published there', async () => {
    await cluster.three();
    const told = (id: bigint, level: 'linearizable' | 'lease' = 'linearizable') =>
      new Promise<number | undefined>((resolve) => {
        cluster.node(id).confirm(level, (index) => {
          const { applied } = cluster.node(id).status();
          if (index !== undefined) expect(applied).toBeGreaterThanOrEqual(index);
          resolve(index);
        });
      });
    for (let i = 0; i < 10; i++) {
      const written = await cluster.execute(1n, `SET a ${i}`);
      expect(written.result.kind).toBe('done');
      const { commit } = cluster.node(1n).status();
      const asked = [told(1n), told(2n), told(3n), told(1n, 'lease')];
      for (const index of await cluster.until(Promise.all(asked))) {
        expect(index).toBeGreaterThanOrEqual(commit);
      }
    }
    cluster.isolate(1n);
    const cut = told(1n);
    await cluster.when(
      () => cluster.leader()?.status().id !== 1n && cluster.leader() !== undefined,
    );
    expect(await cluster.until(cut)).toBe(undefined);
    expect(await cluster.until(told(1n))).toBe(undefined);
    expect(await cluster.until(told(1n, 'lease'))).toBe(undefined);
  });

  test('a write that was replicated but not acknowledged is reported committed or unknown', async () => {
    await cluster.three();
    // Its followers get the entry, but their answers do not come back.
    cluster.network.cut('10.0.0.2:9000', '10.0.0.1:9000');
    cluster.network.cut('10.0.0.3:9000', '10.0.0.1:9000');
    const write = cluster.submit(1n, 'SET a 1');
    await cluster.when(() => cluster.leader() === undefined);
    await cluster.when(() => cluster.leader() !== undefined);
    cluster.network.heal();
    const outcome = await cluster.until(write);
    await cluster.run(1_000);
    for (const id of [1n, 2n, 3n]) {
      expect(cluster.process(id).store.published.get('a')).toBe('1');
    }
    if (outcome.result.kind === 'failed') expect(failureOf(outcome).outcome).toBe('unknown');
  });

  test('leadership is handed over without losing writes', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    await cluster.until(cluster.node(1n).transfer(2n));
    await cluster.when(() => cluster.node(2n).isLeader());
    expect((await cluster.execute(2n, 'SELECT a')).rows).toBe('1');
    expect((await cluster.execute(2n, 'SET a 2')).result.kind).toBe('done');
    expect(await cluster.until(cluster.node(2n).handover())).toBe(true);
  });

  test('what is told of the leader while leadership is handed over is put right afterwards', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    for (const [from, to, dead] of [
      [1n, 3n, true],
      [1n, 2n, false],
    ] as const) {
      if (dead) await cluster.crash(to);
      const node = cluster.node(from);
      // As a connection that is made meanwhile: it is told what is so at first, and then of changes.
      let told: bigint | undefined;
      const transfer = node.transfer(to).catch(() => undefined);
      await cluster.when(() => node.leaderHint() === undefined);
      node.on((event) => {
        if (event.kind === 'leader') told = node.leaderHint()?.id;
      });
      await cluster.until(transfer);
      await cluster.when(() => node.leaderHint() !== undefined);
      await cluster.run(50);
      expect(told).toBe(node.leaderHint()?.id);
      expect(told).toBe(dead ? from : to);
    }
  });

  test('a transfer to a dead member fails and the leader goes on', async () => {
    await cluster.three();
    await cluster.crash(3n);
    const failed = await cluster.until(
      cluster
        .node(1n)
        .transfer(3n)
        .catch((error: unknown) => error),
    );
    expect(failed).toBeInstanceOf(QuorateError);
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect((await cluster.execute(leader, 'SET a 3')).result.kind).toBe('done');
  });

  test('a follower that is far behind gets a snapshot', async () => {
    cluster.snapshot = { entries: 20, trailing: 2 };
    await cluster.three();
    await cluster.crash(3n);
    for (let i = 0; i < 80; i++) await cluster.execute(1n, `SET k${i} ${'x'.repeat(100)}${i}`);
    await cluster.start(3n, 'resume');
    await cluster.when(() => cluster.process(3n).store.published.size === 80);
    expect(cluster.node(3n).status().counters.snapshotsInstalled).toBe(1);
    await cluster.execute(1n, 'SET after 1');
    await cluster.when(() => cluster.process(3n).store.published.get('after') === '1');
    await cluster.crash(3n);
    await cluster.start(3n, 'resume');
    await cluster.when(() => cluster.process(3n).store.published.get('after') === '1');
  });

  test('a leader whose disk is full gives leadership to another one at once (S10)', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    let full = Number.NaN;
    let led = Number.NaN;
    cluster.node(1n).on((event) => {
      if (event.kind === 'disk' && event.state === 'full') full = cluster.scheduler.now();
    });
    for (const id of [2n, 3n]) {
      cluster.node(id).on((event) => {
        if (event.kind === 'role' && event.role === 'leader') led = cluster.scheduler.now();
      });
    }
    const { disk } = cluster.process(1n);
    disk.setCapacity(0);
    const big = 'x'.repeat(50_000);
    for (let i = 0; cluster.node(1n).isLeader() && i < 20; i++) {
      await cluster.execute(1n, `SET k${i} ${big}`, { timeoutMs: 2_000 });
    }
    await cluster.when(() => led > 0);
    // Simulated time; an election timeout, which nobody waited for, is 100.
    expect(led - full).toBeLessThan(20);
    expect(
      (await cluster.execute(cluster.node(2n).isLeader() ? 2n : 3n, 'SET b 2')).result.kind,
    ).toBe('done');
    disk.setCapacity(Number.POSITIVE_INFINITY);
  });

  test('transactions stay small while a member may be a C node (M13, S11)', async () => {
    await cluster.three();
    await cluster.run(500);
    const { machine } = cluster.process(1n);
    expect(machine?.limits).toMatchObject({ unsealedPages: 256, deletion: true });
    await cluster.until(cluster.node(1n).add(4n, '10.0.0.4:9000'));
    await cluster.run(500);
    expect(machine?.limits).toMatchObject({ unsealedPages: 64, deletion: false });
    await cluster.start(4n, 'wait');
    await cluster.run(2_000);
    expect(machine?.limits).toMatchObject({ unsealedPages: 256, deletion: true });
  });

  test('a voter that comes back empty neither acknowledges nor votes, whatever it was started with (M15)', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    await cluster.crash(2n);
    await cluster.crash(3n);
    cluster.wipe(2n);
    const wiped = await cluster.start(2n, 'wait');
    await cluster.when(() => wiped.status().quarantined);
    const write = await cluster.execute(1n, 'SET b 1', { timeoutMs: 2_000 });
    expect(failureOf(write).code).toMatch(/OUTCOME_UNKNOWN|NOT_LEADER/);
    expect(wiped.status().lastIndex).toBe(0);
    await cluster.start(3n, 'resume');
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect((await cluster.execute(leader, 'SELECT a')).rows).toBe('1');
    await cluster.run(2_000);
    expect(wiped.status().lastIndex).toBe(0);
    // The way back (M15): away with the old id.
    await cluster.until(cluster.node(leader).remove(2n));
    expect((await cluster.execute(leader, 'SET c 1')).result.kind).toBe('done');
  });

  test('a voter that comes back empty confirms no read before it knows what it is (M15)', async () => {
    await cluster.three();
    await cluster.execute(1n, 'SET a 1');
    await cluster.crash(2n);
    await cluster.crash(3n);
    cluster.wipe(2n);
    const read = cluster.submit(1n, 'SELECT a');
    await cluster.start(2n, 'wait');
    expect(cluster.node(1n).isLeader()).toBe(true);
    expect(failureOf(await cluster.until(read)).code).toBe('LEADERSHIP_LOST');
  });

  test('a leader with a database that only C can open gives leadership to a C voter, once (S12)', async () => {
    cluster.answersAsC.add(3n);
    await cluster.three();
    await cluster.run(500);
    expect(cluster.node(1n).isLeader()).toBe(true);
    cluster.process(1n).machine?.tellUnreadable('utf16');
    await cluster.when(() => cluster.leader()?.status().id === 3n);
    expect((await cluster.execute(3n, 'SET a 1')).result.kind).toBe('done');
    // The C node goes down: somebody must lead, and serves the other databases.
    await cluster.crash(3n);
    await cluster.when(() => cluster.leader() !== undefined);
    const leader = cluster.leader()?.status().id ?? 0n;
    expect((await cluster.execute(leader, 'SELECT a')).rows).toBe('1');
  });

  test('membership: errors by name, a removed member is gone', async () => {
    await cluster.three();
    const node = cluster.node(1n);
    const code = async (change: Promise<void>) => {
      const error = await cluster.until(change.then(() => undefined).catch((e: unknown) => e));
      return error instanceof QuorateError ? error.code : undefined;
    };
    expect(await code(node.add(2n, '10.0.0.9:9000'))).toBe('DUPLICATE_ID');
    expect(await code(node.add(9n, '10.0.0.2:9000'))).toBe('DUPLICATE_ADDRESS');
    expect(await code(node.assign(9n, 'voter'))).toBe('MEMBER_NOT_FOUND');
    expect(await code(node.assign(2n, 'voter'))).toBe('BAD_ROLE');
    expect(await code(cluster.node(2n).add(9n, '10.0.0.9:9000'))).toBe('NOT_LEADER');
    expect(await code(node.remove(3n))).toBe(undefined);
    expect(node.status().members.map((member) => member.id)).toEqual([1n, 2n]);
    expect(await code(node.assign(2n, 'spare'))).toBe(undefined);
    expect(await code(node.remove(1n))).toBe('LAST_VOTER');
    expect(await code(node.assign(1n, 'spare'))).toBe('LAST_VOTER');
  });
});

describe('deadlines and interrupts', () => {
  test('a write that cannot be committed in time is unknown, never past the deadline', async () => {
    await cluster.three();
    cluster.isolate(1n);
    const startedAt = cluster.scheduler.now();
    const outcome = await cluster.execute(1n, 'SET a 1', { timeoutMs: 50 });
    expect(failureOf(outcome)).toMatchObject({ code: 'OUTCOME_UNKNOWN', dqliteCode: 10 });
    expect(cluster.scheduler.now() - startedAt).toBeLessThan(70);
  });

  test('a read that waits in the node can be interrupted', async () => {
    await cluster.three();
    cluster.isolate(2n);
    const ended: RequestResult[] = [];
    const running = cluster.node(2n).execute(request('SELECT a', {}), {
      rows: () => undefined,
      end: (result) => ended.push(result),
    });
    running.interrupt();
    expect(ended).toMatchObject([{ kind: 'failed', failure: { code: 'SQLITE_INTERRUPT' } }]);
  });
});

describe('sessions', () => {
  test('requests run one after another, and loss of leadership is told once', async () => {
    await cluster.three();
    let lost = 0;
    const session = cluster.node(1n).openSession({
      readOnly: false,
      transactionIdleMs: 0,
      transactionTotalMs: 0,
      lost: () => lost++,
    });
    const order: string[] = [];
    const submit = (sql: string) =>
      new Promise<void>((resolve) => {
        session.submit(request(sql, {}), {
          rows: (batch) => order.push(fromUtf8(batch)),
          end: (result) => {
            order.push(`${sql}: ${result.kind}`);
            resolve();
          },
        });
      });
    await cluster.until(Promise.all([submit('SET a 1'), submit('SELECT a'), submit('NOOP')]));
    expect(order).toEqual(['SET a 1: done', '1', 'SELECT a: done', 'NOOP: done']);
    await cluster.until(cluster.node(1n).transfer(2n));
    expect(lost).toBe(1);
    session.close();
  });
});
