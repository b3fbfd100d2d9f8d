import { QuorateError } from '../base/index.ts';

interface Meaning {
  readonly code: string;
  readonly retryable: boolean;
}

const refused = (code: string): Meaning => ({ code, retryable: false });
const passing = (code: string): Meaning => ({ code, retryable: true });

/** dqlite has one number for all of these; its texts tell them apart (client-protocol.md §10.3). */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ['server ID is not valid', refused('MEMBER_NOT_FOUND')],
  ['Resource not found', refused('MEMBER_NOT_FOUND')],
  ['server role is not valid', refused('BAD_ROLE')],
  ['no voter would be left', refused('LAST_VOTER')],
  ['server address is too long', refused('ADDRESS_TOO_LONG')],
  ['the cluster has as many members as it can have', refused('TOO_MANY_MEMBERS')],
  ['server ID already in use', refused('DUPLICATE_ID')],
  ['server address already in use', refused('DUPLICATE_ADDRESS')],
  ['no connection to remote server available', passing('NO_CONNECTION')],
  ['leadership transfer failed', passing('TRANSFER_FAILED')],
]);

const GENERAL_ERROR = 1;

/** What a refused change of the membership means to its caller; other errors are returned as they are. */
export function membershipError(error: unknown): unknown {
  if (!(error instanceof QuorateError) || error.rawCode !== GENERAL_ERROR) return error;
  const meaning = MEANINGS.get(error.message);
  if (meaning === undefined) return error;
  const { code, retryable } = meaning;
  return new QuorateError(code, error.message, { retryable, cause: error });
}
