import { type Logger, printable } from '../base/index.ts';
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
  console.error(`quorate ${record.level}: ${recordText(record)}`);
}

/**
 * Message and fields on one line. Names, addresses and reasons come from anybody: whatever they hold, they neither
 * begin a new line nor look like another field.
 */
export function recordText(record: LogRecord): string {
  const fields = Object.entries(record.fields).map(([name, value]) => ` ${name}=${shown(value)}`);
  return printable(record.message + fields.join(''));
}

function shown(value: string | number | boolean): string {
  return typeof value === 'string' && /[\s"=]/.test(value) ? JSON.stringify(value) : String(value);
}
