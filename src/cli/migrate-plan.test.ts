import { expect, test } from 'vitest';
import type { LintFinding, MigrationPlan } from '../migrate/index.ts';
import { lintExit } from './migrate-plan.ts';
import { findingLines, rehearsalLines } from './migrate-plan-text.ts';

type Tried = NonNullable<MigrationPlan['rehearsal']>['migrations'][number];

const FINDING: LintFinding = {
  ...{ code: 'D1', level: 'warn', migration: '0002_x', statement: 2 },
  ...{ text: 'table t is dropped', fix: 'be sure' },
};

const APPLIED: Tried = {
  ...{ name: '0002_x', kind: 'breaking', outcome: 'applied', code: '', message: '', ms: 1.2 },
  ...{ statements: 1, pages: 0, entryPages: 3, entryBytes: 12_288, stallMs: 2, stallLimitMs: 10 },
  rows: [{ table: 't', before: 2, after: null }],
  ...{ violationsBefore: 0, violationsAfter: 1, fingerprint: 'ab'.repeat(32) },
  ...{ changes: ['table t dropped'], batches: 0, changedRows: 0 },
};

const REPORT = { index: 7, namespace: 'app', version: 1, late: undefined, bytesPerMs: 20_000 };

test('findings name migration and statement, and end with 4 only for errors', () => {
  expect(findingLines([FINDING])).toEqual([
    'warn D1 0002_x, statement 2: table t is dropped',
    '  be sure',
  ]);
  expect(lintExit([FINDING])).toBe(0);
  expect(lintExit([FINDING, { ...FINDING, level: 'error' }])).toBe(4);
});

test('a dry run is told for people, and control characters are not', () => {
  const failed: Tried = {
    ...{ ...APPLIED, name: '0003_y', outcome: 'failed', code: 'MIGRATION_FAILED' },
    message: 'no \u001b[2J',
  };
  const skipped: Tried = { ...APPLIED, name: '0004_z', outcome: 'skipped', message: 'it is code' };
  const lines = rehearsalLines({ ...REPORT, migrations: [APPLIED, failed, skipped] });
  expect(lines).toEqual([
    'dry run on a copy as of log index 7; waiting of writers reckoned with 20 MB/s',
    '  0002_x (breaking): 3 pages, 12288 bytes, 2 ms, writers wait about 2 ms',
    '    table t dropped',
    '    rows of t: 2 → gone',
    '    rows whose foreign key points nowhere: 0 → 1',
    '    fingerprint abababababababab',
    expect.stringMatching(/^ {2}0003_y \(breaking\): FAILS with MIGRATION_FAILED: no /),
    '  0004_z (breaking): not rehearsed: it is code',
  ]);
  expect(lines.join('')).not.toContain('\u001b');
  expect(rehearsalLines({ ...REPORT, migrations: [] })).toEqual(['dry run: nothing is pending']);
});
