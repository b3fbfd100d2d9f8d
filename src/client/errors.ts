import { type Outcome, QuorateError, type QuorateErrorOptions } from '../base/index.ts';
import type { ExtensionFailure } from '../wire/index.ts';

/** What a failure says besides the error: for transactions and scripts. */
export interface FailureDetails {
  /** The transaction that the statement ran in is still open. */
  readonly inTransaction: boolean;
  /** Number of statements of a script that stay in effect. */
  readonly statementsInEffect: number;
}

const details = new WeakMap<QuorateError, FailureDetails>();

/** Details of an error that a server's failure became; undefined for other errors. */
export function failureDetails(error: QuorateError): FailureDetails | undefined {
  return details.get(error);
}

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** A failure of the server as its caller sees it. */
export function failureError(failure: ExtensionFailure): QuorateError {
  // Later servers may have further codes, but what is none is not handed on as one.
  const code = CODE.test(failure.code) ? failure.code : 'PROTOCOL';
  const error = new QuorateError(code, failure.message, {
    retryable: failure.retryable,
    outcome: failure.outcome,
    leader: failure.leader,
    extendedCode: failure.extendedCode,
    rawCode: failure.rawCode === 0 ? undefined : failure.rawCode,
    offset: failure.offset,
    statementIndex: failure.statementIndex,
  });
  details.set(error, {
    inTransaction: failure.inTransaction,
    statementsInEffect: failure.results.length,
  });
  return error;
}

/** How a server says that it ended a request because it was told to. */
const INTERRUPTED: ReadonlySet<string> = new Set([
  'SQLITE_INTERRUPT',
  'INTERRUPTED',
  'TIMEOUT',
  'ABORTED',
]);

/** Whether a failure may be that of a statement that was interrupted because its call had ended. */
export function isInterruption({ code }: QuorateError): boolean {
  return INTERRUPTED.has(code);
}

/** The same error with another outcome. */
export function withOutcome(
  error: QuorateError,
  outcome: Outcome | undefined,
  retryable = error.retryable,
): QuorateError {
  if (error.outcome === outcome && error.retryable === retryable) return error;
  return changed(error, { outcome, retryable });
}

/** The same error as that of one statement of a batch. */
export function atStatement(error: QuorateError, statementIndex: number): QuorateError {
  return changed(error, { statementIndex });
}

function changed(error: QuorateError, changes: QuorateErrorOptions): QuorateError {
  const copy = new QuorateError(error.code, error.message, {
    retryable: error.retryable,
    outcome: error.outcome,
    leader: error.leader,
    extendedCode: error.extendedCode,
    rawCode: error.rawCode,
    offset: error.offset,
    statementIndex: error.statementIndex,
    cause: error.cause ?? error,
    ...changes,
  });
  const known = details.get(error);
  if (known !== undefined) details.set(copy, known);
  return copy;
}

/** A request that got no answer: the connection was lost, or the call ended before. Internal. */
export class NotAnswered extends Error {
  override readonly name = 'NotAnswered';
  /** False: the server has not seen it. */
  readonly sent: boolean;
  /** The call's own end (TIMEOUT, ABORTED, CLOSED), undefined when the connection was lost. */
  readonly ended: QuorateError | undefined;

  constructor(message: string, sent: boolean, ended?: QuorateError, cause?: unknown) {
    super(message, { cause });
    this.sent = sent;
    this.ended = ended;
  }
}

export function closedError(what: string): QuorateError {
  return new QuorateError('CLOSED', `the ${what} is closed`);
}

export function invalidArgument(message: string): QuorateError {
  return new QuorateError('INVALID_ARGUMENT', message);
}

/** Any thrown thing as a QuorateError, for places where only these may leave. */
export function asQuorateError(error: unknown): QuorateError {
  if (error instanceof QuorateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new QuorateError('INTERNAL', message, { cause: error });
}
