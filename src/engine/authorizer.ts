import { pragmaMakesState, pragmaRefusal } from './pragmas.ts';

/** Action codes of sqlite3_set_authorizer that concern us. */
const ACTION = {
  CREATE_INDEX: 1,
  CREATE_TEMP_INDEX: 3,
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

/** Actions that need no look at their arguments: most of the questions. */
export function isAlwaysAllowed(action: number): boolean {
  return action === ACTION.READ || action === ACTION.SELECT || action === ACTION.FUNCTION;
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
): string | undefined {
  const { action, first, second } = question;
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
  return reservedRefusal(question, context);
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
  if (action === ACTION.ALTER_TABLE && context.sql().toLowerCase().includes(RESERVED_PREFIX)) {
    return `names that start with ${RESERVED_PREFIX} are reserved`;
  }
  const named = isReserved(first) || (isDefinition(action) && isReserved(second));
  if (named && (isWrite(action) || isDefinition(action))) {
    return `tables that start with ${RESERVED_PREFIX} are reserved`;
  }
  return undefined;
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
