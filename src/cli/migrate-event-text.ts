import { printable } from '../base/index.ts';
import type { SchemaEvent } from '../client/index.ts';

/** An event as a line for people; undefined when the board says it better. */
export function eventText(event: SchemaEvent): string | undefined {
  switch (event.kind) {
    case 'started':
      return printable(`${event.name} begins`);
    case 'committed':
      return printable(`${event.name} is applied: ${event.pages} pages, ${event.ms} ms`);
    case 'superseded':
      return printable(`${event.name} was applied by somebody else meanwhile`);
    case 'failed':
      return printable(`${event.name} failed: ${event.error.code}: ${event.error.message}`);
    case 'refused':
      return printable(`refused: ${event.error.code}: ${event.error.message}`);
    case 'waiting':
      // What is missing is what is being applied here.
      return event.code === 'SCHEMA_TOO_OLD'
        ? undefined
        : printable(`waits: ${event.code}: ${event.reason}`);
    default:
      return undefined;
  }
}

/** An event for programs. */
export function eventJson(event: SchemaEvent): object {
  const { kind, ...rest } = event;
  const error =
    'error' in rest ? { error: { code: rest.error.code, message: rest.error.message } } : {};
  return { event: kind, ...rest, ...error };
}
