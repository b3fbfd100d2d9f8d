import { channel } from 'node:diagnostics_channel';
import type { SchemaEvent } from '../client/index.ts';

const SCHEMA = channel('quorate:schema');

/** Publishes what happens to schemas on the diagnostics channel `quorate:schema`, for tracing tools: `{ database, event }`. */
export function publishSchemaEvent(database: string, event: SchemaEvent): void {
  if (SCHEMA.hasSubscribers) SCHEMA.publish({ database, event });
}
