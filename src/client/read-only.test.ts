import { describe, expect, it } from 'vitest';
import { surelyReadOnly } from './read-only.ts';

describe('surelyReadOnly', () => {
  it.each([
    'SELECT 1',
    '  -- a comment\n values (1)',
    'WITH c AS (SELECT 1) SELECT * FROM c',
    'PRAGMA integrity_check',
    'pragma main.quick_check(5);',
    'PRAGMA table_info(t)',
    'PRAGMA user_version ;',
    "SELECT * FROM pragma_table_info('t')",
  ])('%s', (sql) => expect(surelyReadOnly(sql)).toBe(true));

  it.each([
    'INSERT INTO t VALUES (1)',
    'WITH c AS (SELECT 1) REPLACE INTO t SELECT * FROM c',
    'PRAGMA user_version = 7',
    'PRAGMA user_version(7)',
    'PRAGMA foreign_keys = OFF',
    'PRAGMA incremental_vacuum',
    '',
  ])('not: %s', (sql) => expect(surelyReadOnly(sql)).toBe(false));
});
