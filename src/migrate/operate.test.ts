import { expect, test } from 'vitest';
import { asOperator, defineMigrations, operate, schemaStatus, sqlMigration } from './index.ts';
import { Copy, story } from './testing/copies.ts';

const ONE = sqlMigration('0001_a', 'create table a (x)', { kind: 'expand' });

test('an operator sees what is going on under every policy, and writes like everybody who declares nothing', () =>
  story(91, async (world) => {
    const operator = world.client('operator').database('app');
    asOperator(operator);
    expect(await operator.query('select name from sqlite_schema')).toEqual([]);
    const copy = new Copy(world, 'a', defineMigrations({ entries: [ONE] }));
    await copy.schema.ready();
    const shell = world.client('shell').database('app');
    const policy = (value: string): Promise<void> =>
      operate(operator, {
        action: 'undeclared-policy',
        namespace: 'app',
        value,
        by: 'me',
        reason: '',
      });
    await operator.execute('insert into a (x) values (1)');
    await policy('refuse');
    await expect(shell.query('select x from a')).rejects.toMatchObject({
      code: 'SCHEMA_UNDECLARED',
    });
    expect(await operator.query('select x from a')).toEqual([{ x: 1 }]);
    expect(await schemaStatus(operator)).toMatchObject([{ version: 1 }]);
    await expect(operator.execute('delete from a')).rejects.toMatchObject({
      code: 'SCHEMA_UNDECLARED',
    });
    await policy('allow');
    expect(await shell.query('select x from a')).toEqual([{ x: 1 }]);
  }));
