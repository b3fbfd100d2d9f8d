import { QuorateError, type QuorateErrorOptions } from '../base/index.ts';

/** Base names of SQLite result codes. */
const SQLITE_NAMES: Readonly<Record<number, string>> = {
  1: 'SQLITE_ERROR',
  2: 'SQLITE_INTERNAL',
  3: 'SQLITE_PERM',
  4: 'SQLITE_ABORT',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  9: 'SQLITE_INTERRUPT',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  12: 'SQLITE_NOTFOUND',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  15: 'SQLITE_PROTOCOL',
  17: 'SQLITE_SCHEMA',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
  21: 'SQLITE_MISUSE',
  23: 'SQLITE_AUTH',
  25: 'SQLITE_RANGE',
  26: 'SQLITE_NOTADB',
};

const EXTENDED_NAMES: Readonly<Record<number, string>> = {
  261: 'SQLITE_BUSY_RECOVERY',
  275: 'SQLITE_CONSTRAINT_CHECK',
  517: 'SQLITE_BUSY_SNAPSHOT',
  531: 'SQLITE_CONSTRAINT_COMMITHOOK',
  787: 'SQLITE_CONSTRAINT_FOREIGNKEY',
  1299: 'SQLITE_CONSTRAINT_NOTNULL',
  1555: 'SQLITE_CONSTRAINT_PRIMARYKEY',
  1811: 'SQLITE_CONSTRAINT_TRIGGER',
  2067: 'SQLITE_CONSTRAINT_UNIQUE',
  2579: 'SQLITE_CONSTRAINT_ROWID',
  3091: 'SQLITE_CONSTRAINT_DATATYPE',
};

/** What leads the text of a failure that a Quorate node gives for a reason that C does not have. */
const OWN_CODE = /^(SCHEMA_[A-Z_]+|DDL_REFUSED|RESERVED_TABLE): /;

const NOT_LEADER: ReadonlySet<number> = new Set([10250, 8202]);
const LEADERSHIP_LOST: ReadonlySet<number> = new Set([10506, 8458]);
/** SQLite's word for a statement that is through: what failed is what C did with it afterwards, its replication. */
const RAN_TO_ITS_END = 'no more rows available';
const ERROR = 1;
const BUSY = 5;
const IO_ERROR = 10;
const NOT_FOUND = 12;

/**
 * A Failure of plain dqlite as QuorateError (client-protocol.md §10). `committing`: the request may have
 * committed something when leadership was lost under it, so that its outcome is unknown.
 */
export function plainFailure(
  code: number,
  message: string,
  committing: boolean,
  extra: QuorateErrorOptions = {},
): QuorateError {
  if (NOT_LEADER.has(code)) {
    const options = { retryable: true, outcome: 'rolled-back', ...extra } as const;
    return new QuorateError('NOT_LEADER', message, options);
  }
  if (
    LEADERSHIP_LOST.has(code) ||
    (committing && (code === IO_ERROR || message === RAN_TO_ITS_END))
  ) {
    const name = code === IO_ERROR ? 'SQLITE_IOERR' : 'LEADERSHIP_LOST';
    const outcome = committing ? 'unknown' : 'rolled-back';
    return new QuorateError(name, message, { retryable: !committing, outcome, ...extra });
  }
  if (code === NOT_FOUND) {
    const options = { retryable: true, outcome: 'rolled-back', ...extra } as const;
    return new QuorateError(
      'CONNECTION_LOST',
      `the server forgot the session: ${message}`,
      options,
    );
  }
  if (code === 0) return new QuorateError('EMPTY_STATEMENT', message, extra);
  if (code === 1002) return new QuorateError('DATABASE_NOT_FOUND', message, extra);
  const own = code === ERROR ? OWN_CODE.exec(message) : null;
  if (own !== null) {
    const [prefix, name = ''] = own;
    const options = { outcome: 'rolled-back', ...extra } as const;
    return new QuorateError(name, message.slice(prefix.length), options);
  }
  const base = SQLITE_NAMES[code & 255];
  if (code > 0xffff || base === undefined || code === 1005) {
    return new QuorateError('NOT_SUPPORTED', `${message} (code ${code})`, extra);
  }
  return new QuorateError(base, message, {
    rawCode: code,
    extendedCode: EXTENDED_NAMES[code] ?? base,
    retryable: (code & 255) === BUSY,
    outcome: (code & 255) === BUSY ? 'rolled-back' : undefined,
    ...extra,
  });
}
