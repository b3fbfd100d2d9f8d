import { type Outcome, QuorateError } from '../base/index.ts';
import type { RequestFailure } from '../node/index.ts';
import type { ExtensionFailure } from '../wire/index.ts';

/** A failed request of the node as the extension reports it: whole. */
export function requestFailure(
  request: number,
  failure: RequestFailure,
  results: ExtensionFailure['results'],
  inTransaction: boolean,
): ExtensionFailure {
  return {
    type: 'failure',
    request,
    rawCode: failure.rawCode,
    offset: failure.offset,
    statementIndex: failure.statementIndex,
    outcome: failure.outcome,
    retryable: failure.retryable,
    inTransaction,
    code: failure.code,
    message: failure.message,
    extendedCode: failure.extendedCode,
    leader: failure.leader,
    results,
  };
}

/** A failure found by the server itself, before anything was executed. */
export function ownFailure(
  request: number,
  code: string,
  message: string,
  options: { readonly retryable?: boolean; readonly outcome?: Outcome } = {},
): ExtensionFailure {
  return {
    type: 'failure',
    request,
    rawCode: 0,
    offset: undefined,
    statementIndex: undefined,
    outcome: options.outcome,
    retryable: options.retryable ?? false,
    inTransaction: false,
    code,
    message,
    extendedCode: undefined,
    leader: undefined,
    results: [],
  };
}

/** A rejected promise of the node. Anything but a QuorateError is a defect, and reported as INTERNAL. */
export function rejectionFailure(request: number, error: unknown): ExtensionFailure {
  if (!(error instanceof QuorateError)) {
    return ownFailure(request, 'INTERNAL', error instanceof Error ? error.message : String(error));
  }
  return {
    ...ownFailure(request, error.code, error.message),
    rawCode: error.rawCode ?? 0,
    offset: error.offset,
    statementIndex: error.statementIndex,
    outcome: error.outcome,
    retryable: error.retryable,
    extendedCode: error.extendedCode,
    leader: error.leader,
  };
}
