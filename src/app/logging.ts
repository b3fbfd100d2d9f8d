import type { Logger } from '../base/index.ts';
import type { LogRecord, LogSink } from './options.ts';

/** A Logger that turns calls into records; ids and other bigints become text. */
export function recordingLogger(sink: LogSink): Logger {
  return (level, message, fields = {}) => {
    const plain: Record<string, string | number | boolean> = {};
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) plain[name] = typeof value === 'bigint' ? String(value) : value;
    }
    sink({ level, message, time: Date.now(), fields: plain });
  };
}

/** What a node does with its log unless told: warnings and errors to standard error. */
export function standardErrorSink(record: LogRecord): void {
  if (record.level !== 'warn' && record.level !== 'error') return;
  const fields = Object.entries(record.fields)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('');
  console.error(`quorate ${record.level}: ${record.message}${fields}`);
}
