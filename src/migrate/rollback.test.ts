import { expect, test } from 'vitest';
import type { Database } from '../client/index.ts';
import { asOperator, defineMigrations, preflight, schemaStatus, sqlMigration } from './index.ts';
import { Copy, story, until } from './testing/copies.ts';

const ONE = sqlMigration('0001_a', 'create table a (x, y)', { kind: 'expand' });
const TWO = sqlMigration('0002_b', 'create table b (x)', { kind: 'expand' });
const OFF = sqlMigration('0003_off', 'alter table a drop column y', { kind: 'contract' });

const R1 = defineMigrations({ entries: [ONE] });
const R2 = defineMigrations({ entries: [ONE, TWO, OFF] });

function applied(database: Database): Promise<object[]> {
  return database.query('select name, chain from __quorate_schema_history order by seq');
}

test('scenario 21: binaries go back before the contract: all old copies serve again, the schema stays', () =>
  story(61, async (world) => {
    const operator = world.client('operator').database('app');
    const first = ['a', 'b'].map((id) => new Copy(world, id, R1));
    await Promise.all(first.map(({ schema }) => schema.ready()));
    await first[0]?.schema.close();
    const upgraded = new Copy(world, 'a', R2);
    await upgraded.schema.ready();
    const before = await applied(operator);
    expect(before).toHaveLength(2);
    // Asked before it is done: the old build could serve at once.
    expect(await preflight(operator, [R1])).toMatchObject([{ verdict: 'fine', canServe: true }]);
    await upgraded.schema.close();
    const back = new Copy(world, 'a', R1);
    await back.schema.ready();
    for (const { database } of [back, ...first.slice(1)]) {
      await database.execute('insert into a (x, y) values (1, 2)');
    }
    await world.sleep(8_000);
    expect(await applied(operator)).toEqual(before);
  }));

test('scenario 23: all binaries go back after the contract: all are refused with the way out, which can be seen and works', () =>
  story(62, async (world) => {
    const operator = world.client('operator').database('app');
    asOperator(operator);
    const copies = ['a', 'b'].map((id) => new Copy(world, id, R2, { release: '2.0.0' }));
    await Promise.all(copies.map(({ schema }) => schema.ready()));
    await until(world, 'the contract', () => copies[0]?.schema.reports[0]?.pending.length === 0);
    await Promise.all(copies.map(({ schema }) => schema.close()));
    for (const id of ['a', 'b']) {
      const back = new Copy(world, id, R1);
      await expect(back.schema.ready()).rejects.toMatchObject({
        code: 'SCHEMA_TOO_NEW',
        message: expect.stringContaining('deploy release 2.0.0'),
      });
      await back.schema.close();
    }
    const [report] = await preflight(operator, [R1]);
    expect(report).toMatchObject({ verdict: 'refused', code: 'SCHEMA_TOO_NEW' });
    expect(await schemaStatus(operator)).toMatchObject([{ version: 2, participants: [] }]);
    expect(await preflight(operator, [R2])).toMatchObject([{ verdict: 'fine', canServe: true }]);
    const again = new Copy(world, 'a', R2);
    await again.schema.ready();
    await again.database.execute('insert into a (x) values (1)');
  }));
