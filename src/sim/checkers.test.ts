import { describe, expect, test } from 'vitest';
import { type LogIndex, type Term, term, utf8 } from '../base/index.ts';
import type { Recovered } from '../log/index.ts';
import { encodeFrames, encodeSnapshotDatabase, encodeSnapshotHeader } from '../wire/index.ts';
import { Invariants } from './invariants.ts';
import { loadSqlite, sha256, turn } from './platform.ts';
import type { Profile } from './profile.ts';
import { runSeed } from './run.ts';
import type { History, Lie } from './workloads/index.ts';
import { DATABASE, sameState, type World } from './world.ts';

// A checker that never fires proves nothing: each is shown what it must not overlook.

const index = (value: number): LogIndex => value as LogIndex;

/** An entry after which the database has so many pages. */
function sized(pages: number, pageNumbers: readonly number[]): Uint8Array {
  return encodeFrames('a', pageNumbers, (number, target) => {
    if (number === 1) new DataView(target.buffer, target.byteOffset).setUint32(28, pages);
  });
}

function recovered(first: number, texts: readonly string[], terms: readonly number[]): Recovered {
  const entries = texts.map((text, i) => ({
    term: term(terms[i]),
    type: 'command' as const,
    data: utf8(text),
  }));
  return {
    term: term(9),
    vote: 0n,
    snapshot: undefined,
    firstIndex: index(first),
    lastIndex: index(first + texts.length - 1),
    lastTerm: term(terms.at(-1) ?? 0) as Term,
    entries,
    quarantined: false,
    quarantineReason: undefined,
    notes: [],
  };
}

describe('invariants of single steps', () => {
  test('ES: two leaders of a term', () => {
    const invariants = new Invariants();
    invariants.leads(1n, term(3));
    invariants.leads(1n, term(3));
    invariants.leads(2n, term(4));
    expect(() => invariants.leads(2n, term(3))).toThrow('ES');
  });

  test('SMS: another command at the same index', () => {
    const invariants = new Invariants();
    const page = (fill: number) => encodeFrames('a', [2], (_, target) => target.fill(fill));
    invariants.applies(1n, index(5), sized(2, [1, 2]));
    invariants.applies(1n, index(6), page(1));
    invariants.applies(2n, index(6), page(1));
    expect(() => invariants.applies(3n, index(6), page(2))).toThrow('SMS');
  });

  test('M10: a hole in an entry, and a page beyond the end', () => {
    const invariants = new Invariants();
    invariants.applies(1n, index(5), sized(2, [1, 2]));
    expect(() => invariants.applies(1n, index(6), sized(4, [1, 4]))).toThrow('M10');
    expect(() => invariants.applies(1n, index(7), sized(1, [1, 2]))).toThrow('M10');
  });

  test('SNAP: a page that the log does not have', () => {
    const invariants = new Invariants();
    invariants.applies(1n, index(5), sized(2, [1, 2]));
    const one = new Uint8Array(4096);
    new DataView(one.buffer).setUint32(28, 2);
    const header = [encodeSnapshotHeader(1), encodeSnapshotDatabase({ name: 'a', pages: 2 }), one];
    invariants.snapshot(2n, index(6), [...header, new Uint8Array(4096)]);
    const other = new Uint8Array(4096).fill(1);
    expect(() => invariants.snapshot(2n, index(6), [...header, other])).toThrow('SNAP');
    expect(() => invariants.snapshot(2n, index(4), [...header, new Uint8Array(4096)])).toThrow(
      'SNAP',
    );
  });

  test('GATE: an answer that no leadership since the request stands for', () => {
    const invariants = new Invariants();
    const before = invariants.answers.now();
    let leads = false;
    const none = (): boolean => false;
    const holder = { stores: none, votedFor: none, leadsWithout: none };
    invariants.register(1n, { ...holder, wasLeaderSince: (moment) => leads && moment <= before });
    expect(() => invariants.answered(1n, before)).toThrow('GATE');
    leads = true;
    invariants.answered(1n, before);
    expect(() => invariants.answered(1n, invariants.answers.now())).toThrow('GATE');
  });

  test('LM: another entry with the same index and term', () => {
    const invariants = new Invariants();
    invariants.log(1n, recovered(4, ['a', 'b'], [1, 1]));
    invariants.log(2n, recovered(5, ['c'], [2]));
    expect(() => invariants.log(3n, recovered(4, ['a', 'x'], [1, 1]))).toThrow('LM');
  });

  test('DBA: less on the disk than was counted', () => {
    const invariants = new Invariants();
    invariants.durable(1n, index(2), recovered(1, ['a', 'b'], [1, 1]));
    expect(() => invariants.durable(1n, index(3), recovered(1, ['a', 'b'], [1, 1]))).toThrow('DBA');
  });

  test('L7: a machine that doubts a log that nobody damaged', () => {
    const invariants = new Invariants();
    const sound = recovered(1, ['a'], [1]);
    invariants.undoubted(1n, sound);
    const doubted = { ...sound, quarantined: true, quarantineReason: 'entry 2 was durable' };
    expect(() => invariants.undoubted(1n, doubted)).toThrow('L7');
  });

  test('REPL: other pages at the same index', () => {
    const report = { index: index(7), pages: 3, sha256: 'aa' };
    expect(sameState([report, { ...report, index: index(8), sha256: 'bb' }])).toBe(false);
    expect(sameState([report, report])).toBe(true);
    expect(() => sameState([report, { ...report, sha256: 'bb' }])).toThrow('REPL');
  });
});

describe('whole runs with something planted', () => {
  const calm: Partial<Profile> = {
    faultEveryMs: 1e9,
    churnEveryMs: 0,
    thinkMs: 20,
    clients: 4,
    diskLatencyMs: { min: 0.05, max: 0.2 },
  };

  /** Without the sessions, which miss their own rows as well, sometimes sooner. */
  const rowsOnly: Partial<Profile> = { ...calm, only: 'rows' };

  function planted(
    sabotage: (world: World, history: History) => Promise<void>,
    profile: Partial<Profile> = calm,
    seed = 1,
  ): Promise<unknown> {
    const platform = { module: loadSqlite(), hash: sha256, turn };
    return runSeed({ ...platform, seed, hours: 0.002, profile, sabotage });
  }

  async function sql(world: World, text: string): Promise<void> {
    const client = world.client('saboteur');
    await client.database(DATABASE).executeMultiple(text);
    await client.close();
  }

  test('LIN: acknowledged rows that a read does not see', async () => {
    const run = planted(async (world) => {
      await world.sleep(2000);
      await sql(world, 'DELETE FROM t');
    }, rowsOnly);
    await expect(run).rejects.toThrow('LIN');
  }, 60_000);

  test('ACK: a single acknowledged row that is gone', async () => {
    const run = planted(async (world, history) => {
      await world.sleep(1000);
      const [first] = history.recent();
      await world.sleep(4000);
      await sql(world, `DELETE FROM t WHERE id = ${first}`);
    });
    await expect(run).rejects.toThrow('ACK');
  }, 60_000);

  test('TX: half a transfer', async () => {
    const run = planted(async (world) => {
      await world.sleep(1000);
      await sql(world, 'UPDATE account SET amount = amount + 1 WHERE id = 1');
    });
    await expect(run).rejects.toThrow('TX');
  }, 60_000);

  test('foreign: an acknowledged value that is gone', async () => {
    const run = planted(
      async (world) => {
        await world.sleep(4000);
        await sql(world, 'DELETE FROM foreigner WHERE v = (SELECT min(v) FROM foreigner)');
      },
      { ...calm, only: 'foreign' },
    );
    await expect(run).rejects.toThrow(/foreign: (lost write|stale read)/);
  }, 60_000);

  test.each<[string, Lie, string]>([
    ['rows', 'lost write', 'ACK|LIN'],
    ['rows', 'wrong outcome', 'wrong outcome'],
    ['counter', 'stale transaction', 'TX'],
    ['bank', 'torn transaction', 'torn transaction'],
    ['bank', 'stale transaction', 'lost update|torn transaction'],
    ['lists', 'wrong outcome', 'dirty read'],
    ['lists', 'stale transaction', 'G-single|G2|real time|stale read|inconsistency'],
    ['registers', 'stale read', 'stale read|not linearizable'],
    ['registers', 'stale transaction', 'stale read|not linearizable|wrong refusal'],
    ['versions', 'stale read', 'staler than claimed'],
    ['versions', 'stale session', 'own write unseen|non-monotonic session'],
    ['elements', 'lost write', 'lost write'],
    ['elements', 'repeated write', 'duplicated write'],
    ['elements', 'wrong outcome', 'dirty read'],
    ['elements', 'stale read', 'stale read'],
    ['claims', 'repeated write', 'dirty error'],
    ['claims', 'wrong outcome', 'wrong outcome|dirty error'],
  ])('%s: %s', async (only, lie, name) => {
    const platform = { module: loadSqlite(), hash: sha256, turn };
    const profile = { ...calm, only, thinkMs: 50 };
    const run = runSeed({ ...platform, seed: 1, hours: 0.0015, profile, lie });
    await expect(run).rejects.toThrow(new RegExp(name));
  });

  test('disks that report syncs without doing them', async () => {
    const harsh = { ...calm, faultEveryMs: 300, downMs: 100, powerLossShare: 1 };
    const run = planted(
      async (world) => {
        for (const { disk } of world.fleet.processes) disk.lie();
      },
      { ...harsh, snapshotEntries: 100_000 },
    );
    await expect(run).rejects.toThrow(/DBA|ACK|LM|LIN|L7|committed|damaged/);
  }, 60_000);
});
