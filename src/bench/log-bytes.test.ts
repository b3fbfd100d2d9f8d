import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { appendedBytes, logExtent } from './log-bytes.ts';

const directory = mkdtempSync(join(tmpdir(), 'quorate-log-bytes-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('counts what was appended, not what was allocated, also over the closing of a segment', () => {
  const open = join(directory, 'open-1');
  const content = (used: number): Buffer => Buffer.alloc(1 << 20).fill(7, 0, used);
  writeFileSync(join(directory, '0000000000000001-0000000000000009'), Buffer.alloc(500));
  writeFileSync(open, content(1_000));
  const before = logExtent(directory);
  expect(before).toMatchObject({ first: 1, last: 9 });

  writeFileSync(open, content(300_000));
  writeFileSync(join(directory, 'open-2'), content(0));
  expect(appendedBytes(before, logExtent(directory))).toBe(299_000);

  truncateSync(open, 300_000);
  renameSync(open, join(directory, '0000000000000010-0000000000000040'));
  writeFileSync(join(directory, 'open-2'), content(44));
  expect(appendedBytes(before, logExtent(directory))).toBe(299_044);

  rmSync(join(directory, '0000000000000001-0000000000000009'));
  expect(appendedBytes(before, logExtent(directory))).toBe(299_044);
  renameSync(
    join(directory, '0000000000000010-0000000000000040'),
    join(directory, '0000000000000011-0000000000000040'),
  );
  expect(appendedBytes(before, logExtent(directory))).toBeUndefined();
});
