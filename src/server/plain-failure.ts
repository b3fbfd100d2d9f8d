import { QuorateError } from '../base/index.ts';
import type { RequestFailure } from '../node/index.ts';
import type { ClientResponse } from '../wire/index.ts';

type Failure = Extract<ClientResponse, { readonly type: 'failure' }>;

/** Codes of client-protocol.md §10 that the server itself gives. */
export const FAILURE = {
  emptyStatement: 0,
  error: 1,
  busy: 5,
  ioError: 10,
  notFound: 12,
  cannotOpen: 14,
  protocol: 15,
  notAuthorized: 23,
  databaseNotFound: 1002,
  parse: 1005,
  notLeader: 10250,
  leadershipLost: 10506,
} as const;

/** A Failure with C's code and text. */
export function failure(code: number, message: string): Failure {
  return { type: 'failure', code, message };
}

export const NOT_LEADER = failure(FAILURE.notLeader, 'not leader');
export const NO_DATABASE = failure(FAILURE.notFound, 'no database opened');
export const BAD_PARAMETERS = failure(FAILURE.error, 'bind parameters');
export const EXEC_FAILED = failure(FAILURE.ioError, 'leader exec failed');
export const NO_STATEMENT = failure(FAILURE.notFound, 'no statement with the given id');

const OF_SCHEMA = /^(SCHEMA_|DDL_REFUSED|RESERVED_TABLE)/;

/** What a plain client is told about a failed statement: C's texts where C has one (S3, client-protocol.md §10.4). */
export function executionFailure({ code, dqliteCode, message }: RequestFailure): Failure {
  if (dqliteCode === FAILURE.notLeader) return NOT_LEADER;
  if (dqliteCode === FAILURE.leadershipLost) {
    return failure(FAILURE.leadershipLost, 'leadership lost');
  }
  // The reason that our engine gives is for our own clients; C's text is this one.
  if (dqliteCode === FAILURE.notAuthorized) return failure(dqliteCode, 'not authorized');
  // C knows no such failure: our code leads the text, for programs and people alike.
  if (dqliteCode === FAILURE.error && OF_SCHEMA.test(code)) {
    return failure(dqliteCode, `${code}: ${message}`);
  }
  return failure(dqliteCode, message);
}

export const BAD_SERVER_ID = failure(FAILURE.error, 'server ID is not valid');

const ADMIN: Readonly<Record<string, Failure>> = {
  NOT_LEADER: failure(FAILURE.notLeader, 'server is not the leader'),
  LEADERSHIP_LOST: failure(FAILURE.leadershipLost, 'server has lost leadership'),
  CHANGE_IN_PROGRESS: failure(FAILURE.busy, 'a configuration change is already in progress'),
  DUPLICATE_ID: failure(FAILURE.error, 'server ID already in use'),
  DUPLICATE_ADDRESS: failure(FAILURE.error, 'server address already in use'),
  BAD_ROLE: failure(FAILURE.error, 'server role is not valid'),
  BAD_ID: BAD_SERVER_ID,
  NO_CONNECTION: failure(FAILURE.error, 'no connection to remote server available'),
  TRANSFER_FAILED: failure(FAILURE.error, 'leadership transfer failed'),
};

/** What a plain client is told about a refused membership request (client-protocol.md §10.3). */
export function adminFailure(error: unknown): Failure {
  if (!(error instanceof QuorateError)) {
    return failure(FAILURE.error, error instanceof Error ? error.message : String(error));
  }
  return ADMIN[error.code] ?? failure(FAILURE.error, error.message);
}
