import type { Connection } from '../engine/index.ts';
import type { PageSource } from '../pages/index.ts';
import { OPERATOR, saysNothing, TOKEN_MAGIC, UNDECLARED, unfit } from '../schema/index.ts';
import { failure } from './failure.ts';
import type { SqlFailure } from './messages.ts';
import { SchemaSql } from './schema-sql.ts';
import { SchemaStore } from './schema-store.ts';

/** Pages of the version that a statement is going to see, or sees. */
export interface PageView {
  /** Undefined when the page does not exist. Valid until the next call of anything. */
  page(number: number): Uint8Array | undefined;
}

/** What a session may do; undefined = everything. */
interface Verdict {
  readonly read: SqlFailure | undefined;
  readonly write: SqlFailure | undefined;
}

/** In place of a declaration: whether sessions may change the schema past the migrations. */
export const DEFINITIONS = 'ddl';

const FREE: Verdict = { read: undefined, write: undefined };
const SCHEMA_COOKIE = 40;
/** First byte of a leaf of a table, and where its cells are counted and found. */
const LEAF = 13;
const CELLS = 3;
const FIRST_CELL = 8;
/** Sizes of payload and header, row id 1, NULL for the id, a blob of 32 bytes. */
const CELL = [35, 1, 3, 0, 76];
const MAGIC = Array.from(TOKEN_MAGIC, (character) => character.charCodeAt(0));
const VERDICTS_MAX = 1024;

/**
 * The fence (M16): whether the code that a session serves fits the schema of the version that its statement sees. Every change of the tables of
 * schema migrations writes a new random token into a page of its own; as long as this page says the same, earlier verdicts hold, and a
 * check costs two looks at pages. Speculation that is reverted takes its token along: a token never comes back with another meaning.
 */
export class Fence {
  #cookie = -1;
  /** Root page of the table with the token; 0 = there is none. */
  #root = 0;
  readonly #token = new Uint8Array(16);
  readonly #verdicts = new Map<string, Verdict>();

  /** What the last checks found for a declaration; undefined = not asked yet. */
  known(declaration: string): Verdict | undefined {
    if (this.#root === 0 && this.#cookie !== -1) {
      return isFree(declaration) ? FREE : both(unregistered());
    }
    return this.#verdicts.get(declaration);
  }

  /** Whether what the last check was made on says the same as this version. */
  unchanged(view: PageView): boolean {
    const pageOne = view.page(1);
    if (pageOne === undefined) return this.#cookie === -1;
    if (cookieOf(pageOne) !== this.#cookie) return false;
    if (this.#root === 0) return true;
    const page = view.page(this.#root);
    const at = page === undefined ? -1 : tokenAt(page);
    return page !== undefined && at >= 0 && this.#sameToken(page, at);
  }

  /**
   * Why a session may not read (`writes` false) or write; undefined = it may. `connection` must see the same version as `view`; it is
   * used only when the answer is not known yet.
   */
  check(
    view: PageView,
    declaration: string,
    writes: boolean,
    connection: () => Connection,
  ): SqlFailure | undefined {
    const pageOne = view.page(1);
    if (pageOne === undefined) return isFree(declaration) ? undefined : unregistered();
    const cookie = cookieOf(pageOne);
    if (cookie !== this.#cookie) this.#look(cookie, connection());
    if (this.#root === 0) return isFree(declaration) ? undefined : unregistered();
    const page = view.page(this.#root);
    const at = page === undefined ? -1 : tokenAt(page);
    if (page === undefined || at < 0) {
      // Another history has the same cookie: nothing that was known holds.
      this.#look(cookie, connection());
      const found = judge(new SchemaSql(connection()), declaration);
      return writes ? found.write : found.read;
    }
    if (!this.#sameToken(page, at)) {
      this.#token.set(page.subarray(at, at + this.#token.length));
      this.#verdicts.clear();
    }
    let verdict = this.#verdicts.get(declaration);
    if (verdict === undefined) {
      verdict = judge(new SchemaSql(connection()), declaration);
      if (this.#verdicts.size >= VERDICTS_MAX) this.#verdicts.clear();
      this.#verdicts.set(declaration, verdict);
    }
    return writes ? verdict.write : verdict.read;
  }

  #look(cookie: number, connection: Connection): void {
    const sql = new SchemaSql(connection);
    this.#cookie = cookie;
    this.#root = sql.count(
      "select rootpage from sqlite_schema where name = '__quorate_schema_fence'",
    );
    this.#token.fill(0);
    this.#verdicts.clear();
  }

  #sameToken(page: Uint8Array, at: number): boolean {
    const token = this.#token;
    for (let i = 0; i < token.length; i++) if (token[i] !== page[at + i]) return false;
    return true;
  }
}

/** Looks at the newest published version. */
export function onPublished<T>(source: PageSource, look: (view: PageView) => T): T {
  const pin = source.pinPublished();
  try {
    const { root } = pin.version;
    return look({ page: (number) => source.memory.pageIn(root, number) });
  } finally {
    source.release(pin);
  }
}

function cookieOf(page: Uint8Array): number {
  let cookie = 0;
  for (let i = 0; i < 4; i++) cookie = cookie * 256 + page[SCHEMA_COOKIE + i];
  return cookie;
}

/** Where the random part of the token begins; -1 when the page is not that of the fence. */
function tokenAt(page: Uint8Array): number {
  if (page[0] !== LEAF || page[CELLS] !== 0 || page[CELLS + 1] !== 1) return -1;
  const cell = page[FIRST_CELL] * 256 + page[FIRST_CELL + 1];
  if (cell + CELL.length + MAGIC.length + 16 > page.length) return -1;
  if (CELL.some((byte, i) => page[cell + i] !== byte)) return -1;
  const blob = cell + CELL.length;
  if (MAGIC.some((byte, i) => page[blob + i] !== byte)) return -1;
  return blob + MAGIC.length;
}

function judge(sql: SchemaSql, declaration: string): Verdict {
  if (declaration === UNDECLARED) return undeclared(sql);
  if (declaration === DEFINITIONS) return both(definitionsRefused(sql));
  if (declaration === OPERATOR) return { read: undefined, write: undeclared(sql).write };
  const manifests = SchemaStore.declaration(sql, declaration);
  if (manifests === undefined) return both(unregistered());
  for (const [namespace, digest] of Object.entries(manifests)) {
    const program = SchemaStore.program(sql, digest);
    if (program === undefined) return both(unregistered());
    const store = new SchemaStore(sql, namespace);
    const reason = unfit(program, store.state(), store);
    if (reason === undefined) continue;
    const waits = reason.code === 'SCHEMA_TOO_OLD';
    const code = waits ? 'SCHEMA_TOO_OLD' : 'SCHEMA_FENCED';
    return both(failure(code, `namespace ${namespace}: ${reason.message}`, { retryable: waits }));
  }
  return FREE;
}

function undeclared(sql: SchemaSql): Verdict {
  const policy = new SchemaStore(sql, '').control('undeclared');
  if (policy === undefined || policy === 'allow') return FREE;
  const refused = failure(
    'SCHEMA_UNDECLARED',
    `sessions must declare which migrations their code knows (policy '${policy}' of this database): quorate migrate undeclared-policy allow|read-only|refuse`,
  );
  return { read: policy === 'refuse' ? refused : undefined, write: refused };
}

/** Where nobody has migrated anything, everything is allowed to whom it concerns. */
function isFree(declaration: string): boolean {
  return declaration === DEFINITIONS || saysNothing(declaration);
}

function definitionsRefused(sql: SchemaSql): SqlFailure | undefined {
  if (new SchemaStore(sql, '').control('ddl') !== 'migrations-only') return undefined;
  return failure(
    'DDL_REFUSED',
    "only migrations may change the schema of this database (policy 'migrations-only'): make it a migration, or: quorate migrate ddl-policy allow",
  );
}

function both(reason: SqlFailure | undefined): Verdict {
  return { read: reason, write: reason };
}

function unregistered(): SqlFailure {
  return failure(
    'SCHEMA_UNREGISTERED',
    'the database does not know the migrations that this session declares: register them first',
    { retryable: true },
  );
}
