import { QuorateError } from '../base/index.ts';
import { Violation } from './violation.ts';

const WORDS = 6;

/** What failed, in a form that is equal for two runs in which the same thing fails. */
export function symptomOf(error: unknown): string {
  if (error instanceof Violation) return error.invariant;
  if (error instanceof QuorateError) return error.code;
  const message = error instanceof Error ? error.message : String(error);
  // Numbers tell who and where: that may change.
  return message.replace(/\d+/g, 'N').split(/\s+/).slice(0, WORDS).join(' ');
}
