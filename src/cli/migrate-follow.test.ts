import { expect, test } from 'vitest';
import { QuorateError } from '../base/index.ts';
import type { Wait } from '../migrate/index.ts';
import { type End, EXIT, endAtTimeout, follow, type Step } from './migrate-follow.ts';
import { View } from './migrate-view.ts';

const NOTHING: Step = { statuses: [], waits: [] };

function wait(obstacle: Wait['obstacle']): Wait {
  return {
    ...{ namespace: 'app', migration: '2', obstacle, participants: [], why: 'why' },
    commands: [['exclude', '3']],
  };
}

/** Follows steps, the last one again and again; resolves to the end and the lines written. */
async function followed(
  steps: readonly (Step | Error)[],
  { timeoutMs, abortAt }: { readonly timeoutMs?: number; readonly abortAt?: number } = {},
): Promise<{ readonly end: End; readonly lines: readonly string[]; readonly looks: number }> {
  let written = '';
  let looks = 0;
  const screen = {
    columns: undefined,
    now: () => 0,
    write: (text: string) => {
      written += text;
    },
  };
  const abort = new AbortController();
  const end = await follow({
    view: new View(screen, false),
    where: { servers: 'a:1', database: 'app' },
    ...{ timeoutMs, signal: abort.signal, intervalMs: 1 },
    look: () => {
      const step = steps[Math.min(looks++, steps.length - 1)] ?? NOTHING;
      if (looks === abortAt) abort.abort();
      return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
    },
  });
  return { end, lines: written.trimEnd().split('\n'), looks };
}

test('exit codes', () => {
  expect(EXIT).toEqual({ reached: 0, timeout: 2, blocked: 3, failed: 4, interrupted: 130 });
});

test('it ends with what it is told, and says why', async () => {
  const reached = await followed([NOTHING, NOTHING, { ...NOTHING, end: 'reached' }]);
  expect(reached).toMatchObject({ end: 'reached', looks: 3 });
  const failed = await followed([{ ...NOTHING, end: 'failed', text: 'MIGRATION_FAILED: no' }]);
  expect(failed.end).toBe('failed');
  expect(failed.lines.at(-1)).toBe('failed: MIGRATION_FAILED: no');
});

test('when the time is over it matters what was waited for', async () => {
  expect((await followed([NOTHING], { timeoutMs: 20 })).end).toBe('timeout');
  const blocked = await followed([{ ...NOTHING, waits: [wait('older-code')] }], { timeoutMs: 20 });
  expect(blocked.end).toBe('blocked');
  expect(blocked.lines).toEqual([
    '2 waits: why',
    '  $ quorate migrate exclude 3 -s a:1 -d app',
    'the time is over, and somebody is waited for',
  ]);
  expect(endAtTimeout({ ...NOTHING, waits: [wait('hold'), wait('repair')] })).toBe('failed');
  expect(endAtTimeout({ ...NOTHING, refusals: new Map([['2', 'waits for 3']]) })).toBe('blocked');
  expect(endAtTimeout({ ...NOTHING, refusals: new Map() })).toBe('timeout');
});

test('an interruption is no timeout; a database that does not answer is asked again', async () => {
  const lost = new QuorateError('NO_LEADER', 'no leader');
  const found = await followed([lost, lost, { ...NOTHING, end: 'reached' }]);
  expect(found).toMatchObject({ end: 'reached', looks: 3 });
  expect(found.lines[0]).toBe('the database cannot be asked: NO_LEADER: no leader');
  expect((await followed([NOTHING], { timeoutMs: 60_000, abortAt: 2 })).end).toBe('interrupted');
  await expect(followed([new TypeError('a defect')])).rejects.toThrow('a defect');
});
