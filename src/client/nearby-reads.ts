import { type LogIndex, logIndex, type NodeId, RestingTexts, type Value } from '../base/index.ts';
import type { Call, EndListener } from './call.ts';
import type { Request } from './executor.ts';
import type { Run, RunEnd } from './link.ts';
import type { LocalQuery, LocalResult } from './local-reader.ts';
import type { ExecutedBy, Integers } from './types.ts';

/** The node in this process, for reads that are over in a moment. */
export interface NearbyNode {
  readonly id: NodeId;
  readonly address: string;
  /** Everything up to this index is published here. */
  readonly applied: LogIndex;
  /**
   * Asks what a read must see that was begun before: `done` is told an index that is published here by then; undefined = nobody could say.
   * It may never be told.
   */
  confirm(consistency: 'linearizable' | 'lease', done: (index: LogIndex | undefined) => void): void;
  /** Runs a query on the newest published version. Throws what it declines for. */
  read(
    database: string,
    declaration: string,
    query: LocalQuery,
  ): LocalResult & { readonly index: LogIndex };
}

/** So many reads that might be nearby make it worth an instance of SQLite on this thread. */
const WORTH_IT = 64;
const NOTHING = (): void => undefined;

/**
 * Reads by a client in the process of a node. The node says what such a read must see, as it does for reads
 * that it runs itself; the read is run here, since a request and its answer cost several times what most reads do.
 */
export class NearbyReads {
  readonly #node: NearbyNode;
  readonly executedBy: ExecutedBy;
  #seen = 0;
  /** What was declined. */
  readonly #long = new RestingTexts();

  constructor(node: NearbyNode) {
    this.#node = node;
    this.executedBy = { id: node.id, address: node.address };
  }

  /** Whether it is worth a try. */
  suits({ kind, whole, write, options, statements }: Request, run: Run): boolean {
    if (write || !whole || kind !== 'statement' || options.readFrom !== undefined) return false;
    if (run.maxStalenessMs !== undefined || run.maxStalenessEntries !== undefined) return false;
    if (run.consistency === 'session' && run.minimumIndex > this.#node.applied) return false;
    if (++this.#seen < WORTH_IT) return false;
    return !this.#long.skip(statements[0].sql);
  }

  /** Undefined = the node has to run it, or to say that the call has ended. Never rejects. */
  async read(
    request: Request,
    run: Run,
    call: Call,
    integers: Integers,
  ): Promise<RunEnd | undefined> {
    let least = run.minimumIndex;
    const { consistency } = run;
    if (consistency === 'linearizable' || consistency === 'lease') {
      const index = await this.#confirmed(consistency, call);
      if (index === undefined) return undefined;
      least = index;
    }
    if (call.ended !== undefined) return undefined;
    const [{ sql, parameters }] = request.statements;
    const query = {
      sql,
      parameters,
      bigints: integers === 'bigint',
      rowsMax: Number.POSITIVE_INFINITY,
    };
    let result: ReturnType<NearbyNode['read']>;
    try {
      result = this.#node.read(run.database, run.declaration, query);
    } catch {
      this.#long.add(sql);
      return undefined;
    }
    const { columns, columnTypes, rows, index } = result;
    // The node says what is wrong with it.
    if (integers === 'number' && rows.some(hasBigint)) return undefined;
    request.rows()(0, columns, rows, NOTHING);
    return {
      index: logIndex(Math.max(index, least)),
      nodeId: this.#node.id,
      inTransaction: false,
      results: [{ rowsAffected: 0, lastInsertRowid: 0n, columns, columnTypes }],
    };
  }

  #confirmed(consistency: 'linearizable' | 'lease', call: Call): Promise<LogIndex | undefined> {
    return new Promise((resolve) => {
      const waiter: EndListener = { callEnded: () => resolve(undefined) };
      call.addListener(waiter);
      this.#node.confirm(consistency, (index) => {
        call.removeListener(waiter);
        resolve(index);
      });
    });
  }
}

function hasBigint(row: readonly Value[]): boolean {
  return row.some((value) => typeof value === 'bigint');
}
