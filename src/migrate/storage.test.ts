import { expect, test } from 'vitest';
import type { World } from '../sim/world.ts';
import { batchMigration, defineMigrations, sqlMigration } from './index.ts';
import { Copy, story } from './testing/copies.ts';

/* Disks that are full in the middle of a migration, and copies that nobody tells anything. */

const SMALL = sqlMigration('0001', 'create table t (id integer primary key, x)', {
  kind: 'expand',
});
const LARGE = sqlMigration(
  '0002',
  `create table half (x); create table big (x);
   with recursive n(i) as (select 1 union all select i + 1 from n where i < 30) insert into big select randomblob(40000) from n`,
  { kind: 'expand' },
);
const FIRST = defineMigrations({ entries: [SMALL] });
const BOTH = defineMigrations({ entries: [SMALL, LARGE] });

/** What a replica says by itself: version, tables, and rows of the large one. */
async function seenBy({ database }: Copy, readFrom: string): Promise<unknown> {
  const options = { consistency: 'local', readFrom, timeoutMs: 5_000 } as const;
  const [state] = await database.query(
    "select version, (select count(*) from sqlite_schema where name in ('half', 'big')) as tables from __quorate_schema_state",
    [],
    options,
  );
  return state;
}

async function equalEverywhere(world: World, copy: Copy): Promise<void> {
  for (const address of world.fleet.addresses) {
    let seen: unknown;
    for (let i = 0; i < 100; i++) {
      seen = await seenBy(copy, address).catch(() => undefined);
      if (JSON.stringify(seen) === JSON.stringify({ version: 2, tables: 2 })) break;
      await world.sleep(200);
    }
    expect([address, seen]).toEqual([address, { version: 2, tables: 2 }]);
  }
}

test.each(['leader', 'follower'])(
  'scenario 34: disk full on the %s in mid-migration: rolled back or behind, never half, and it goes on when there is space',
  (whose) =>
    story(whose === 'leader' ? 41 : 42, async (world) => {
      const first = new Copy(world, 'a', FIRST);
      await first.schema.ready();
      const { leader } = world.fleet;
      if (leader === undefined) throw new Error('no leader');
      const full =
        whose === 'leader' ? leader : world.fleet.processes.find((member) => member !== leader);
      if (full === undefined) throw new Error('no follower');
      const free = full.disk.fillUp(full.disk.usedBytes + 200_000);
      const copy = new Copy(world, 'b', BOTH);
      await world.sleep(4_000);
      for (const address of world.fleet.addresses) {
        const behind = address === full.address;
        expect(await seenBy(first, address)).toEqual(
          behind ? { version: 1, tables: 0 } : { version: 2, tables: 2 },
        );
      }
      free();
      await copy.schema.ready();
      await first.database.execute('insert into t (x) values (1)');
      await equalEverywhere(world, copy);
      const runs = 'select count(*) as n from __quorate_schema_history where version = 2';
      expect(await copy.database.query(runs)).toEqual([{ n: 1 }]);
    }),
);

test('scenario 38: a word about a migration that is lost costs nothing: every copy looks by itself, and nothing runs twice', () =>
  story(43, async (world) => {
    const migrations = defineMigrations({
      entries: [
        SMALL,
        batchMigration('0002', {
          ...{ table: 't', key: 'id', rows: 10 },
          run: 'update t set x = 1 where id > :after and id <= :upto',
        }),
      ],
    });
    const waiting = Array.from(
      { length: 2 },
      (_, i) => new Copy(world, `w${i}`, migrations, { mode: 'wait' }),
    );
    await world.sleep(2_000);
    expect(waiting.every(({ schema }) => schema.reports.every(({ canServe }) => !canServe))).toBe(
      true,
    );
    const applying = new Copy(world, 'a', migrations);
    await Promise.all([...waiting, applying].map(({ schema }) => schema.ready()));
    expect(waiting.map((copy) => copy.count('committed'))).toEqual([0, 0]);
    expect(applying.count('committed')).toBe(2);
  }));
