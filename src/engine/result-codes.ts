/** Result codes by name (sqlite.org/rescode.html), as far as they can reach a user. */
export const SQLITE = {
  OK: 0,
  ERROR: 1,
  ABORT: 4,
  BUSY: 5,
  NOMEM: 7,
  READONLY: 8,
  INTERRUPT: 9,
  IOERR: 10,
  CORRUPT: 11,
  NOTFOUND: 12,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  AUTH: 23,
  RANGE: 25,
  ROW: 100,
  DONE: 101,
  IOERR_READ: 266,
  IOERR_SHORT_READ: 522,
  IOERR_WRITE: 778,
  BUSY_SNAPSHOT: 517,
} as const;

const BASE = [
  ...['OK', 'ERROR', 'INTERNAL', 'PERM', 'ABORT', 'BUSY', 'LOCKED', 'NOMEM', 'READONLY'],
  ...['INTERRUPT', 'IOERR', 'CORRUPT', 'NOTFOUND', 'FULL', 'CANTOPEN', 'PROTOCOL', 'EMPTY'],
  ...['SCHEMA', 'TOOBIG', 'CONSTRAINT', 'MISMATCH', 'MISUSE', 'NOLFS', 'AUTH', 'FORMAT'],
  ...['RANGE', 'NOTADB', 'NOTICE', 'WARNING'],
];

/** Names of the extended codes: position 1 of a list is (1 << 8) | base code. */
const EXTENDED: Readonly<Record<string, readonly string[]>> = {
  ERROR: ['MISSING_COLLSEQ', 'RETRY', 'SNAPSHOT', 'RESERVESIZE', 'KEY', 'UNABLE'],
  IOERR: [
    ...['READ', 'SHORT_READ', 'WRITE', 'FSYNC', 'DIR_FSYNC', 'TRUNCATE', 'FSTAT', 'UNLOCK'],
    ...['RDLOCK', 'DELETE', 'BLOCKED', 'NOMEM', 'ACCESS', 'CHECKRESERVEDLOCK', 'LOCK', 'CLOSE'],
    ...['DIR_CLOSE', 'SHMOPEN', 'SHMSIZE', 'SHMLOCK', 'SHMMAP', 'SEEK', 'DELETE_NOENT', 'MMAP'],
    ...['GETTEMPPATH', 'CONVPATH', 'VNODE', 'AUTH', 'BEGIN_ATOMIC', 'COMMIT_ATOMIC'],
    ...['ROLLBACK_ATOMIC', 'DATA', 'CORRUPTFS', 'IN_PAGE'],
  ],
  LOCKED: ['SHAREDCACHE', 'VTAB'],
  BUSY: ['RECOVERY', 'SNAPSHOT', 'TIMEOUT'],
  CANTOPEN: ['NOTEMPDIR', 'ISDIR', 'FULLPATH', 'CONVPATH', 'DIRTYWAL', 'SYMLINK'],
  CORRUPT: ['VTAB', 'SEQUENCE', 'INDEX'],
  READONLY: ['RECOVERY', 'CANTLOCK', 'ROLLBACK', 'DBMOVED', 'CANTINIT', 'DIRECTORY'],
  ABORT: ['', 'ROLLBACK'],
  CONSTRAINT: [
    ...['CHECK', 'COMMITHOOK', 'FOREIGNKEY', 'FUNCTION', 'NOTNULL', 'PRIMARYKEY', 'TRIGGER'],
    ...['UNIQUE', 'VTAB', 'ROWID', 'PINNED', 'DATATYPE'],
  ],
  AUTH: ['USER'],
};

/** dqlite's own codes, in SQLite's range of I/O errors (client-protocol.md §10). */
const DQLITE: ReadonlyMap<number, string> = new Map([
  [10250, 'SQLITE_IOERR_NOT_LEADER'],
  [10506, 'SQLITE_IOERR_LEADERSHIP_LOST'],
]);

/** SQLITE_… of the base code in an extended code. */
export function baseName(code: number): string {
  return `SQLITE_${BASE[code & 255] ?? 'ERROR'}`;
}

/** SQLITE_…_… of an extended code; the base name when it has no name of its own. */
export function extendedName(code: number): string {
  const base = BASE[code & 255] ?? 'ERROR';
  const detail = EXTENDED[base]?.[(code >>> 8) - 1];
  return (
    DQLITE.get(code) ?? `SQLITE_${base}${detail === undefined || detail === '' ? '' : `_${detail}`}`
  );
}
