import { type Connection, type NodeId, QuorateError } from '../base/index.ts';
import { firstKeyword } from '../sql/index.ts';
import type { Call } from './call.ts';
import { NotAnswered } from './errors.ts';
import type {
  LeaderClaim,
  Link,
  LinkEvents,
  LinkStream,
  RowsHandler,
  Run,
  RunEnd,
  StreamOptions,
} from './link.ts';
import { dialWithin, PlainConnection } from './plain-connection.ts';
import { plainFailure } from './plain-failure.ts';
import { type PlainSession, runPlain } from './plain-statement.ts';
import { surelyReadOnly } from './read-only.ts';
import type { StatementInfo } from './types.ts';

const IDLE_MAX = 8;
/** A list of the members in a form that does not exist. */
const UNKNOWN_FORMAT = 2n;

interface Session extends PlainSession {
  readonly connection: PlainConnection;
  readonly database: string;
  inTransaction: boolean;
}

/** A node that speaks plain dqlite: a connection for each request or transaction that runs at one time. */
export class PlainLink implements Link {
  readonly protocol = 'plain';
  readonly address: string;
  readonly #dial: () => Promise<Connection>;
  readonly #events: LinkEvents;
  readonly #admin: PlainConnection;
  /** The node does not even refuse what it does not know. */
  readonly old: boolean;
  readonly #idle: Session[] = [];
  readonly #sessions = new Set<PlainConnection>();
  #adminQueue: Promise<unknown> = Promise.resolve();
  #nodeId: NodeId = 0n;
  #closed = false;

  private constructor(
    dial: () => Promise<Connection>,
    admin: Connection,
    address: string,
    old: boolean,
    events: LinkEvents,
  ) {
    this.#dial = dial;
    this.address = address;
    this.#events = events;
    this.old = old;
    this.#admin = new PlainConnection(admin, () => this.destroy());
  }

  /** Connects. Rejects when the node cannot be reached. */
  static async open(
    dial: () => Promise<Connection>,
    address: string,
    old: boolean,
    events: LinkEvents,
  ): Promise<PlainLink> {
    return new PlainLink(dial, await dial(), address, old, events);
  }

  get nodeId(): NodeId {
    return this.#nodeId;
  }

  get nodeAddress(): string {
    return this.address;
  }

  get closed(): boolean {
    return this.#closed;
  }

  destroy(reason: Error = new Error('closed')): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#admin.destroy(reason);
    for (const connection of [...this.#sessions]) connection.destroy(reason);
    this.#idle.length = 0;
    this.#events.closed(this);
  }

  /** A connection with the database open; an idle one if there is one. */
  async acquire(database: string, call: Call): Promise<Session> {
    const at = this.#idle.findIndex((session) => session.database === database);
    if (at >= 0) return this.#idle.splice(at, 1)[0];
    if (this.#closed) throw new NotAnswered(`the connection to ${this.address} is closed`, false);
    const opened = await dialWithin(this.#dial, this.address, call);
    const connection = new PlainConnection(opened, () => this.#sessions.delete(connection));
    this.#sessions.add(connection);
    const open = { type: 'open', name: database, flags: 0n, vfs: 'volatile' } as const;
    const fail = (code: number, message: string) => plainFailure(code, message, false);
    try {
      await connection.expect('db', open, call, fail);
    } catch (error) {
      connection.destroy();
      if (error instanceof NotAnswered) {
        throw new NotAnswered(error.message, false, error.ended, error.cause);
      }
      throw error;
    }
    return { connection, database, old: this.old, inTransaction: false };
  }

  /** Takes a connection back; only one whose state is known to be clean is used again. */
  release(session: Session, clean: boolean): void {
    if (session.connection.closed) {
      return;
    }
    if (clean && !session.inTransaction && !this.#closed && this.#idle.length < IDLE_MAX) {
      this.#idle.push(session);
    } else session.connection.destroy();
  }

  async run(run: Run, call: Call, rows: RowsHandler): Promise<RunEnd> {
    const session = await this.acquire(run.database, call);
    try {
      const end = await runPlain(session, run, call, rows);
      this.release(session, run.kind !== 'script');
      return { ...end, nodeId: this.#nodeId, inTransaction: false };
    } catch (error) {
      this.release(session, false);
      throw error;
    }
  }

  openStream(options: StreamOptions, call: Call): LinkStream {
    return new PlainStream(this, options, this.acquire(options.database, call));
  }

  async describe(database: string, sql: string, call: Call): Promise<StatementInfo> {
    const session = await this.acquire(database, call);
    const fail = (code: number, message: string) => plainFailure(code, message, false);
    try {
      const request = { type: 'prepare', schema: 0, db: 0n, sql } as const;
      const { statement, parameters } = await session.connection.expect(
        'stmt',
        request,
        call,
        fail,
      );
      const finalize = { type: 'finalize', db: 0, statement } as const;
      await session.connection.expect('empty', finalize, call, fail);
      this.release(session, true);
      const names = Array.from({ length: parameters }, () => '');
      return { readonly: surelyReadOnly(sql), parameters: names, columns: [], columnTypes: [] };
    } catch (error) {
      this.release(session, false);
      throw error;
    }
  }

  /** Requests about the node and the cluster share one connection, one after another. */
  async #ask<T>(ask: (connection: PlainConnection) => Promise<T>): Promise<T> {
    const answer = this.#adminQueue.then(() => ask(this.#admin));
    this.#adminQueue = answer.catch(() => undefined);
    return answer;
  }

  leaderClaim(call: Call): Promise<LeaderClaim> {
    const fail = (code: number, message: string) => plainFailure(code, message, false);
    return this.#ask(async (connection) => {
      const { id, address } = await connection.expect('server', { type: 'leader' }, call, fail);
      const self = address === this.address;
      if (self) this.#nodeId = id;
      return { address, self };
    });
  }

  /** Whether it answers a request that every node but C-1.11 refuses (client-protocol.md §8.13). */
  refusesNothing(call: Call): Promise<boolean> {
    return this.#ask(async (connection) => {
      const request = { type: 'cluster', format: UNKNOWN_FORMAT } as const;
      const answer = await connection.exchange(request, call);
      return answer.type === 'servers';
    });
  }

  memberAddresses(call: Call): Promise<string[]> {
    const fail = (code: number, message: string) => plainFailure(code, message, false);
    return this.#ask(async (connection) => {
      const request = { type: 'cluster', format: 1n } as const;
      const { servers } = await connection.expect('servers', request, call, fail);
      return servers.map(({ address }) => address);
    });
  }
}

/** A transaction's connection. */
class PlainStream implements LinkStream {
  readonly link: PlainLink;
  readonly #options: StreamOptions;
  readonly #opening: Promise<Session>;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(link: PlainLink, options: StreamOptions, opening: Promise<Session>) {
    this.link = link;
    this.#options = options;
    this.#opening = opening;
    opening.catch(() => undefined);
  }

  get closed(): boolean {
    return this.#closed || this.link.closed;
  }

  /** Statements of one stream run one after another. */
  run(run: Run, call: Call, rows: RowsHandler): Promise<RunEnd> {
    const end = this.#last.then(() => this.#run(run, call, rows));
    this.#last = end.catch(() => undefined);
    return end;
  }

  async #run(run: Run, call: Call, rows: RowsHandler): Promise<RunEnd> {
    const session = await this.#opening;
    const keyword = run.kind === 'statement' ? firstKeyword(run.statements[0].sql) : '';
    const control = CONTROL.has(keyword);
    if (this.#options.readOnly && !control && !surelyReadOnly(run.statements[0].sql)) {
      throw new QuorateError('SQLITE_READONLY', 'a read-only transaction cannot write');
    }
    const end = await runPlain(session, run, call, rows);
    if (keyword === 'BEGIN' || keyword === 'SAVEPOINT') session.inTransaction = true;
    if (keyword === 'COMMIT' || keyword === 'END') session.inTransaction = false;
    if (keyword === 'ROLLBACK' && !/\bto\b/i.test(run.statements[0].sql)) {
      session.inTransaction = false;
    }
    return { ...end, nodeId: this.link.nodeId, inTransaction: session.inTransaction };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opening.then(
      (session) => this.link.release(session, !session.inTransaction),
      () => undefined,
    );
  }
}

const CONTROL: ReadonlySet<string> = new Set([
  'BEGIN',
  'COMMIT',
  'END',
  'ROLLBACK',
  'SAVEPOINT',
  'RELEASE',
]);
