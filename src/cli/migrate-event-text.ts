import { printable } from '../base/index.ts';
import type { SchemaEvent } from '../client/index.ts';
import { type Where, withWhere } from './migrate-where.ts';

/** An event as a line for people; undefined when the board says it better. */
export function eventText(event: SchemaEvent, where: Where): string | undefined {
  switch (event.kind) {
    case 'started':
      return printable(`${event.name} begins`);
    case 'committed':
      return printable(`${event.name} is applied: ${event.pages} pages, ${event.ms} ms`);
    case 'superseded':
      return printable(`${event.name} was applied by somebody else meanwhile`);
    case 'failed':
      return printable(
        `${event.name} failed: ${event.error.code}: ${withWhere(event.error.message, event.namespace, where)}`,
      );
    case 'refused':
      return printable(
        `refused: ${event.error.code}: ${withWhere(event.error.message, 'app', where)}`,
      );
    case 'waiting':
      // What is missing is what is being applied here.
      return event.code === 'SCHEMA_TOO_OLD'
        ? undefined
        : printable(`waits: ${event.code}: ${event.reason}`);
    case 'excluded':
      return printable(
        `${event.participant} is excluded by the policy on who lags behind or is absent`,
      );
    case 'task':
    case 'hook':
      return sideText(event);
    default:
      return undefined;
  }
}

/** Hooks and tasks: told when they are done, and when they fail. */
function sideText(
  event: Extract<SchemaEvent, { readonly kind: 'task' | 'hook' }>,
): string | undefined {
  const what =
    event.kind === 'task' ? `task ${event.name}` : `hook ${event.hook} ${event.name}`.trim();
  const { error } = event;
  if (error !== undefined) return printable(`${what} failed: ${error.code}: ${error.message}`);
  return event.kind === 'task' ? printable(`${what} is done`) : undefined;
}

/** An event for programs. */
export function eventJson(event: SchemaEvent): object {
  const { kind, ...rest } = event;
  const error =
    'error' in rest ? { error: { code: rest.error.code, message: rest.error.message } } : {};
  return { event: kind, ...rest, ...error };
}
