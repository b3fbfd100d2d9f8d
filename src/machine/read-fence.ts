import type { Connection } from '../engine/index.ts';
import type { PageSource } from '../pages/index.ts';
import { Fence, onPublished } from './fence.ts';
import type { SqlFailure } from './messages.ts';

/**
 * The fence for those who read published versions (M16). Within a transaction the version is pinned, and `pinned` says whether code may read it. A statement
 * of its own may have let go of its version when its first step ends: for those `before` looks before, and `unchanged` afterwards.
 */
export class ReadFence {
  readonly #fences = new WeakMap<PageSource, Fence>();

  #of({ source }: Connection): Fence {
    let fence = this.#fences.get(source);
    if (fence === undefined) {
      fence = new Fence();
      this.#fences.set(source, fence);
    }
    return fence;
  }

  /** Why code with this declaration may not read what the connection has pinned; BEGIN and what looks at no page pin nothing. */
  pinned(connection: Connection, declaration: string): SqlFailure | undefined {
    if (connection.pinnedChange === undefined) return undefined;
    const view = { page: (number: number) => connection.pinnedPage(number) };
    return this.#of(connection).check(view, declaration, false, () => connection);
  }

  /** Why it may not read the newest version; the connection is in no transaction. */
  before(connection: Connection, declaration: string): SqlFailure | undefined {
    const fence = this.#of(connection);
    const known = onPublished(connection.source, (view) =>
      fence.unchanged(view) ? fence.known(declaration) : undefined,
    );
    if (known !== undefined) return known.read;
    connection.execute('BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1');
    try {
      return this.pinned(connection, declaration);
    } finally {
      connection.execute('ROLLBACK');
    }
  }

  /** Whether what a statement has read since `before` is what was judged there: tokens never come back. */
  unchanged(connection: Connection): boolean {
    const fence = this.#of(connection);
    return onPublished(connection.source, (view) => fence.unchanged(view));
  }
}
