import { expect, test } from 'vitest';
import { recordingLogger, recordText } from './logging.ts';
import type { LogRecord } from './options.ts';

function lineOf(
  message: string,
  fields: Parameters<ReturnType<typeof recordingLogger>>[2],
): string {
  const records: LogRecord[] = [];
  recordingLogger((record) => records.push(record))('warn', message, fields);
  return records.map(recordText).join('');
}

test('TESTING 6: what a client calls something neither begins a line of the log nor another field', () => {
  const database = 'a\n2026-01-01 error: all is lost';
  expect(lineOf(`no ${database}`, { database, peer: 2n })).toBe(
    'no a\\n2026-01-01 error: all is lost database="a\\n2026-01-01 error: all is lost" peer=2',
  );
  expect(lineOf('x', { reason: 'a level=error', color: '\u001b[31m\u2028' })).toBe(
    'x reason="a level=error" color="\\u001b[31m\\u2028"',
  );
});
