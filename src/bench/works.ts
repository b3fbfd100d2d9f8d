import { connect } from '../app/index.ts';
import type { Database } from '../client/index.ts';

/** The tables of every load, on every server. */
export const TABLES = [
  'create table if not exists item(id integer primary key, owner integer not null, body text not null)',
  'create table if not exists scattered(id integer primary key, owner integer not null, body text not null)',
  'create index if not exists scattered_owner on scattered(owner)',
  'create index if not exists scattered_body on scattered(body, owner)',
];

/** Rows that reads choose from. */
export const ROWS = 10_000;
export const BODY = 'thirty-one characters of a body';
export const INSERT = 'INSERT INTO item(owner, body) VALUES (?, ?)';
export const INSERT_SCATTERED = 'INSERT INTO scattered(id, owner, body) VALUES (?, ?, ?)';
export const SELECT = 'SELECT owner, body FROM item WHERE id = ?';

/** Queries over the whole of `big`, by the name of their work. */
export const SCANS = {
  aggregate: 'select count(*), sum(owner), avg(length(body)) from big',
  group: 'select owner % 100, count(*), sum(id) from big group by 1',
  order: 'select id from big order by body, owner desc limit 10',
} as const;

/** A million rows, in steps that fit into an entry of the log each. */
export const BIG: readonly string[] = [
  'create table if not exists big(id integer primary key, owner integer not null, body text not null)',
  ...Array.from(
    { length: 20 },
    (
      _,
      i,
    ) => `with recursive n(i) as (select ${i * 50_000 + 1} union all select i + 1 from n where i < ${(i + 1) * 50_000})
      insert or ignore into big(id, owner, body) select i, (i * 7919) % 1000003, 'row ' || ((i * 104729) % 1000003) from n`,
  ),
];

/** Fills `item` with the rows that reads choose from. */
export const FILL = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS})
  insert or ignore into item(id, owner, body) select i, i, '${BODY}' from n`;

/** What a load does again and again. */
export type WorkName =
  | 'insert'
  | 'insert-scattered'
  | 'select'
  | 'select-local'
  | 'batch-1000'
  | 'aggregate'
  | 'group'
  | 'order';

/** A load through the programming interface, in the process of a node. */
export function workOn(database: Database, work: WorkName): () => Promise<void> {
  let sequence = 0;
  const key = (): number => 1 + Math.floor(Math.random() * ROWS);
  switch (work) {
    case 'insert':
      return async () => {
        await database.execute(INSERT, [++sequence, BODY]);
      };
    case 'insert-scattered':
      return async () => {
        const id = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
        await database.execute(INSERT_SCATTERED, [id, id % 1_000_003, BODY]);
      };
    case 'select':
      return async () => {
        await database.query(SELECT, [key()]);
      };
    case 'select-local':
      return async () => {
        database.local?.all(SELECT, [key()]);
      };
    case 'batch-1000':
      return async () => {
        await database.batch(
          Array.from({ length: 1_000 }, () => ({ sql: INSERT, args: [++sequence, BODY] })),
        );
      };
    case 'aggregate':
    case 'group':
    case 'order':
      return async () => {
        await database.query(SCANS[work]);
      };
  }
}

/** Runs something with a client of a cluster from outside. */
export async function withClient<T>(
  servers: readonly string[],
  run: (database: ReturnType<typeof connect>) => Promise<T>,
): Promise<T> {
  const database = connect({ servers, database: 'bench' });
  try {
    return await run(database);
  } finally {
    await database.close();
  }
}
