// Release 3 counts money in cents. What ALTER TABLE cannot do at the end (a CHECK, no column for euros) is a rebuild of the table.
import { batchMigration, defineMigrations, rebuildTable, sqlMigration } from 'quorate';
import { handlers as before, entries as released } from './v2.mjs';

export const release = '3.0.0';

export const entries = [
  ...released,
  sqlMigration(
    '0006_cents',
    `alter table orders add column cents integer;
     create trigger orders_cents after insert on orders when new.cents is null begin
       update orders set cents = cast(round(new.amount * 100) as integer) where id = new.id;
     end;
     create trigger orders_euros after insert on orders when new.cents is not null begin
       update orders set amount = new.cents / 100.0 where id = new.id;
     end`,
    { kind: 'expand' },
  ),
  batchMigration('0007_fill_cents', {
    table: 'orders',
    key: 'id',
    rows: 200,
    run: `update orders set cents = cast(round(amount * 100) as integer)
          where id > :after and id <= :upto and cents is null`,
    verify: 'select count(*) from orders where cents is null',
  }),
  rebuildTable('0008_only_cents', {
    kind: 'contract',
    table: 'orders',
    create: `create table orders (
      id integer primary key,
      user_id integer not null references users (id),
      cents integer not null check (cents > 0)
    )`,
    drops: ['orders_cents', 'orders_euros'],
  }),
];

export const migrations = defineMigrations({ entries });

/** @param {import('quorate').Database} db */
export function handlers(db) {
  return {
    ...before(db),
    /** @param {{ user: number, cents: number }} order */
    async addOrder({ user, cents }) {
      const { lastInsertRowid } = await db.execute(
        'insert into orders (user_id, cents) values (?, ?)',
        [user, cents],
      );
      return { id: Number(lastInsertRowid) };
    },
    /** @param {number} user */
    async total(user) {
      const row = await db.first('select sum(cents) as cents from orders where user_id = ?', [
        user,
      ]);
      return { cents: row?.cents ?? 0 };
    },
  };
}
