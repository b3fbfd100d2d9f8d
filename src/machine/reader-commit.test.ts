import { expect, test } from 'vitest';
import { story } from '../migrate/testing/copies.ts';

test.each(['commit', 'rollback'])(
  'a read transaction ends with %s although the schema has changed meanwhile',
  (end) =>
    story(81, async (world) => {
      const writer = world.client('writer').database('app');
      await writer.execute('create table a (x)');
      const reader = world.client('reader').database('app');
      const transaction = await reader.transaction('read');
      const tables = 'select count(*) as n from sqlite_schema';
      expect(await transaction.query(tables)).toEqual([{ n: 1 }]);
      await writer.execute('create table b (x)');
      expect(await transaction.query(tables)).toEqual([{ n: 1 }]);
      // The fence sees another schema now than when the transaction began, and must not run its end twice.
      await (end === 'commit' ? transaction.commit() : transaction.rollback());
      expect(await reader.query(tables)).toEqual([{ n: 2 }]);
    }),
);
