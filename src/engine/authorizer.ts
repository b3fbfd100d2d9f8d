import { pragmaMakesState, pragmaRefusal } from './pragmas.ts';

/** Action codes of sqlite3_set_authorizer that concern us. */
const ACTION = {
  CREATE_INDEX: 1,
  CREATE_TABLE: 2,
  CREATE_TEMP_INDEX: 3,
  CREATE_TEMP_TABLE: 4,
  CREATE_TEMP_VIEW: 6,
  CREATE_VIEW: 8,
  DELETE: 9,
  DROP_INDEX: 10,
  DROP_TEMP_TABLE: 13,
  DROP_VIEW: 17,
  INSERT: 18,
  PRAGMA: 19,
  READ: 20,
  SELECT: 21,
  UPDATE: 23,
  ATTACH: 24,
  ALTER_TABLE: 26,
  CREATE_VTABLE: 29,
  DROP_VTABLE: 30,
  FUNCTION: 31,
} as const;

/** Prefix of the tables of the engine itself. */
const RESERVED_PREFIX = '__quorate_';

/** The word and a reserved name after it, whatever is between them. */
const REFERENCE = new RegExp(`\\breferences\\b[^]*${RESERVED_PREFIX}`, 'i');

/** Virtual tables that show raw pages. */
const RAW_MODULES = new Set(['sqlite_dbpage', 'dbstat']);

/** One question of SQLite while it compiles a statement. Texts as SQLite gives them; undefined = null pointer. */
export interface AuthorizerQuestion {
  readonly action: number;
  readonly first: string | undefined;
  readonly second: string | undefined;
  /** Schema: main, temp or an attached one. */
  readonly schema: string | undefined;
  /** Innermost trigger or view that the access comes from. */
  readonly source: string | undefined;
}

export interface AuthorizerContext {
  /** Text that starts with the statement that is compiled. */
  readonly sql: () => string;
  /** Statements of the engine itself may write its tables. */
  readonly privileged: boolean;
}

/** Why a statement is refused. */
export interface Refusal {
  readonly code: 'SQLITE_AUTH' | 'RESERVED_TABLE';
  readonly message: string;
}

/** Actions that need no look at their arguments: most of the questions. */
export function isAlwaysAllowed(action: number): boolean {
  return action === ACTION.READ || action === ACTION.SELECT;
}

/** A statement uses a function; `second` is its name. */
export function usesFunction(action: number): boolean {
  return action === ACTION.FUNCTION;
}

function isReserved(name: string | undefined): boolean {
  return name?.toLowerCase().startsWith(RESERVED_PREFIX) === true;
}

function isWrite(action: number): boolean {
  return action === ACTION.INSERT || action === ACTION.UPDATE || action === ACTION.DELETE;
}

function isDefinition(action: number): boolean {
  return (
    (action >= ACTION.CREATE_INDEX && action <= ACTION.CREATE_VIEW) ||
    (action >= ACTION.DROP_INDEX && action <= ACTION.DROP_VIEW) ||
    action === ACTION.CREATE_VTABLE ||
    action === ACTION.DROP_VTABLE
  );
}

/** Why a statement is refused (fsm.md §7, M17 and S20), or undefined when this question speaks for it. */
export function refusalOf(
  question: AuthorizerQuestion,
  context: AuthorizerContext,
): Refusal | undefined {
  const message = forbidden(question);
  if (message !== undefined) return { code: 'SQLITE_AUTH', message };
  const { action } = question;
  if (action === ACTION.PRAGMA || action === ACTION.ATTACH) return undefined;
  const reserved = reservedRefusal(question, context);
  return reserved === undefined ? undefined : { code: 'RESERVED_TABLE', message: reserved };
}

function forbidden({ action, first, second }: AuthorizerQuestion): string | undefined {
  if (action === ACTION.PRAGMA) return pragmaRefusal((first ?? '').toLowerCase(), second);
  if (action === ACTION.ATTACH) {
    return first === '' ? undefined : "ATTACH and VACUUM INTO cannot name a file: use ATTACH ''";
  }
  if (isWrite(action) && RAW_MODULES.has((first ?? '').toLowerCase())) {
    return `${first} cannot be written`;
  }
  if (action === ACTION.CREATE_VTABLE && RAW_MODULES.has((second ?? '').toLowerCase())) {
    return `no table can be made of ${second}`;
  }
  return undefined;
}

function reservedRefusal(
  question: AuthorizerQuestion,
  context: AuthorizerContext,
): string | undefined {
  const { action, first, second, schema, source } = question;
  // VACUUM rebuilds every table in a database of its own; one that only has the name shadows nothing.
  if (schema?.startsWith('vacuum_') === true) return undefined;
  if (context.privileged && source === undefined) return undefined;
  // SQLite does not tell the new name of RENAME TO, nor that of a column; but it is in the text.
  // Nor what a foreign key refers to: with one, rows of a user's table would hold those of the engine.
  const creates = action === ACTION.CREATE_TABLE || action === ACTION.CREATE_TEMP_TABLE;
  if (creates && REFERENCE.test(context.sql())) {
    return `no foreign key may refer to a table that starts with ${RESERVED_PREFIX}`;
  }
  if (action === ACTION.ALTER_TABLE && context.sql().toLowerCase().includes(RESERVED_PREFIX)) {
    return `names that start with ${RESERVED_PREFIX} are reserved`;
  }
  const named = isReserved(first) || (isDefinition(action) && isReserved(second));
  if (named && (isWrite(action) || isDefinition(action))) {
    return `tables that start with ${RESERVED_PREFIX} are reserved`;
  }
  return undefined;
}

/** Whether a statement changes what the database is made of: that of everybody, not of its session alone. */
export function definesSchema({ action, first, schema }: AuthorizerQuestion): boolean {
  if (action === ACTION.ALTER_TABLE) return first === 'main';
  // ANALYZE makes its own tables.
  return isDefinition(action) && schema === 'main' && first?.startsWith('sqlite_') !== true;
}

/** Whether a statement leaves something behind in its connection (M11). */
export function makesSessionState(question: AuthorizerQuestion): boolean {
  const { action, first, second, schema } = question;
  if (action === ACTION.PRAGMA) return pragmaMakesState((first ?? '').toLowerCase(), second);
  if (action >= ACTION.CREATE_TEMP_INDEX && action <= ACTION.CREATE_TEMP_VIEW) return true;
  if (action === ACTION.CREATE_VTABLE) return schema === 'temp';
  // VACUUM attaches a temporary database too, but only while it runs.
  return action === ACTION.ATTACH;
}
