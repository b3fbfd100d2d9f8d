import { channel } from 'node:diagnostics_channel';
import type { QuorateError } from '../base/index.ts';
import type { SchemaEvent } from '../client/index.ts';

const SCHEMA = channel('quorate:schema');

/** Publishes what happens to schemas on the diagnostics channel `quorate:schema`, for tracing tools: `{ database, event }`. */
export function publishSchemaEvent(database: string, event: SchemaEvent): void {
  if (SCHEMA.hasSubscribers) SCHEMA.publish({ database, event });
}

/** A listener has thrown: the process says so on its standard error, and lives on. */
export function warnOfListener(error: QuorateError): void {
  process.emitWarning(error.message, { code: error.code, detail: detailOf(error) });
}

function detailOf({ cause }: QuorateError): string {
  return cause instanceof Error ? (cause.stack ?? '') : '';
}
