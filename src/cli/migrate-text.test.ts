import { expect, test } from 'vitest';
import { QuorateError } from '../base/index.ts';
import type { SchemaEvent } from '../client/index.ts';
import type { NamespaceStatus, PreflightReport, Wait } from '../migrate/index.ts';
import { boardOf } from './migrate-board.ts';
import { eventJson, eventText } from './migrate-event-text.ts';
import { preflightExit, preflightLines } from './migrate-preflight.ts';
import { statusText } from './migrate-status-text.ts';
import { verifyText } from './migrate-verify.ts';
import { waitJson, waitLines } from './migrate-wait-text.ts';
import { migrateLine, withWhere } from './migrate-where.ts';

const WHERE = { servers: 'a:1,b:2', database: 'app' };

const OLD = {
  ...{ id: '3', kind: 'node', release: '1.0.0', state: 'active', knows: 3 },
  sinceMs: Date.UTC(2026, 10, 23),
};

const WAIT: Wait = {
  ...{ namespace: 'app', migration: '0005_drop', obstacle: 'older-code', participants: [OLD] },
  ...{ why: 'their code would break', commands: [['exclude', '3']] },
};

const STATUS: NamespaceStatus = {
  ...{ namespace: 'app', version: 4, floor: 0, phase: 'backfill', controls: {}, applied: [] },
  participants: [OLD, { ...OLD, id: '1', knows: 5 }],
  pending: [
    { name: '0004_fill', kind: 'data', blockedBy: [], attempts: 0, error: '', done: 12 },
    { name: '0005_drop', kind: 'contract', blockedBy: ['3'], attempts: 0, error: '', done: 0 },
  ],
};

test('a command can be pasted into a shell, whatever the names are', () => {
  expect(migrateLine(['exclude', '3'], 'app', WHERE)).toBe(
    'quorate migrate exclude 3 -s a:1,b:2 -d app',
  );
  expect(migrateLine(['repair', "it's; rm -rf"], 'plugin', WHERE)).toBe(
    "quorate migrate repair 'it'\\''s; rm -rf' -s a:1,b:2 -d app -n plugin",
  );
});

test.each([
  ['held: quorate migrate release', 'held: quorate migrate release AT'],
  ['Then: quorate migrate repair 1.2_x', 'Then: quorate migrate repair 1.2_x AT'],
  [
    'for good, quorate migrate exclude 3, quorate migrate exclude c-1',
    'for good, quorate migrate exclude 3 AT, quorate migrate exclude c-1 AT',
  ],
  [
    'at it with quorate migrate verify, then quorate migrate accept-drift.',
    'at it with quorate migrate verify AT, then quorate migrate accept-drift AT.',
  ],
  [
    'bring it: quorate migrate rerecord 1.2_x=0af',
    'bring it: quorate migrate rerecord 1.2_x=0af AT',
  ],
  ['(quorate migrate wait)', '(quorate migrate wait AT)'],
])('commands in texts of the server become complete: %s', (text, expected) => {
  expect(withWhere(text, 'app', WHERE)).toBe(expected.replaceAll('AT', '-s a:1,b:2 -d app'));
});

test('a wait says who is waited for and the command that would end it', () => {
  expect(waitLines(WAIT, WHERE)).toEqual([
    '0005_drop waits: their code would break',
    '  for node 3 (release 1.0.0, knows up to 3, since 2026-11-23 00:00:00)',
    '  $ quorate migrate exclude 3 -s a:1,b:2 -d app',
  ]);
  expect(waitJson(WAIT, WHERE)).toMatchObject({
    ...{ migration: '0005_drop', obstacle: 'older-code', participants: [{ id: '3' }] },
    commands: ['quorate migrate exclude 3 -s a:1,b:2 -d app'],
  });
  const many = Array.from({ length: 25 }, (_, i) => ({ ...OLD, id: String(i) }));
  expect(waitLines({ ...WAIT, participants: many, commands: [] }, WHERE)).toHaveLength(22);
  const hostile = { ...WAIT, participants: [{ ...OLD, release: '\x1b[2J' }] };
  expect(waitLines(hostile, WHERE).join('\n')).not.toContain('\x1b');
});

test('the board and the status say for each wait what would end it', () => {
  const refusals = new Map([
    ['0005_drop', 'told already'],
    ['0006_x', 'a client of which the tables know nothing'],
  ]);
  expect(boardOf({ statuses: [STATUS], waits: [WAIT] }, WHERE, refusals)).toEqual({
    lines: [
      'app: version 4 of 5, floor 0, next: 0004_fill, 0005_drop',
      ...waitLines(WAIT, WHERE),
      '0006_x waits: a client of which the tables know nothing',
    ],
    progress: ['0004_fill: 12 rows done'],
  });
  const text = statusText(STATUS, [WAIT, { ...WAIT, namespace: 'other', why: 'elsewhere' }], WHERE);
  for (const line of waitLines(WAIT, WHERE)) expect(text).toContain(line);
  expect(text).not.toContain('elsewhere');
});

test('events as lines and as JSON', () => {
  const error = new QuorateError('MIGRATION_FAILED', 'no such table: b');
  const about = { namespace: 'app', name: '0002_x' };
  const failed: SchemaEvent = { kind: 'failed', ...about, error };
  expect(eventText(failed, WHERE)).toBe('0002_x failed: MIGRATION_FAILED: no such table: b');
  expect(JSON.parse(JSON.stringify(eventJson(failed)))).toEqual({
    ...{ event: 'failed', ...about },
    error: { code: 'MIGRATION_FAILED', message: 'no such table: b' },
  });
  const batch: SchemaEvent = { kind: 'batch', ...about, done: 7 };
  expect(eventText(batch, WHERE)).toBeUndefined();
  expect(eventJson(batch)).toEqual({ event: 'batch', ...about, done: 7 });
});

test('preflight: the worst namespace decides the exit code', () => {
  const fine: PreflightReport = {
    ...{ namespace: 'app', verdict: 'fine', canServe: false, version: 4, code: '', reason: '' },
    ...{ pending: [{ name: '0005_drop', kind: 'contract' }], waits: [WAIT] },
    ...{ findings: [], checks: [] },
  };
  const waits: PreflightReport = { ...fine, verdict: 'waits' };
  const refused: PreflightReport = {
    ...{ ...fine, verdict: 'refused', version: undefined, pending: [], waits: [] },
    ...{ code: 'SCHEMA_TOO_NEW', reason: '0005_drop breaks this build' },
  };
  expect(preflightExit([])).toBe(0);
  expect(preflightExit([fine])).toBe(0);
  expect(preflightExit([fine, waits])).toBe(3);
  expect(preflightExit([refused, waits])).toBe(4);
  expect(preflightLines(fine, WHERE).slice(0, 3)).toEqual([
    'app: version 4, this build would serve',
    '  it would apply: 0005_drop (contract)',
    '  0005_drop waits: their code would break',
  ]);
  const about = { migration: '0005_drop', check: 'no rows', isNext: true, detail: '(1)' };
  const findings = [
    { code: 'D2', level: 'error', migration: '0005_drop', statement: 1, text: 'drops', fix: 'no' },
  ] as const;
  const checks = [
    { ...about, outcome: 'passed' },
    { ...about, outcome: 'failed' },
    { ...about, outcome: 'unknown' },
  ] as const;
  expect(preflightExit([{ ...fine, findings }])).toBe(4);
  expect(preflightLines({ ...fine, waits: [], findings, checks }, WHERE).slice(2)).toEqual([
    '  0005_drop would FAIL its check: no rows: (1)',
    '  0005_drop: not checked: no rows: (1)',
    '  error D2 0005_drop, statement 1: drops',
    '    no',
  ]);
  expect(preflightLines(refused, WHERE)).toEqual([
    'app: this build would be REFUSED',
    '  SCHEMA_TOO_NEW: 0005_drop breaks this build',
  ]);
});

test('verify shows what is wrong and what would help', () => {
  const text = verifyText(
    [
      { check: 'integrity', ok: true, subject: '', text: 'sound', commands: [] },
      { check: 'drift', ok: false, subject: '', text: 'changed', commands: [['accept-drift']] },
    ],
    WHERE,
  );
  expect(text).toMatch(/ok .* integrity .* sound/);
  expect(text).toMatch(/BAD .* drift .* changed/);
  expect(text.split('\n').at(-1)).toBe('$ quorate migrate accept-drift -s a:1,b:2 -d app');
});
