// Release 1 of the shop: users have a full name, orders an amount in euros.
import { defineMigrations, sqlMigration } from 'quorate';

export const release = '1.0.0';

export const entries = [
  sqlMigration(
    '0001_users',
    `create table users (
       id integer primary key,
       email text not null unique,
       full_name text not null default ''
     )`,
    { kind: 'expand' },
  ),
  sqlMigration(
    '0002_orders',
    `create table orders (
       id integer primary key,
       user_id integer not null references users (id),
       amount real not null default 0
     );
     create index orders_user on orders (user_id)`,
    { kind: 'expand' },
  ),
];

export const migrations = defineMigrations({ entries });

/**
 * What the HTTP server calls. The contract of the HTTP interface is the same in all releases; only the tables below it change.
 * @param {import('quorate').Database} db
 */
export function handlers(db) {
  return {
    /** @param {{ email: string, first: string, last: string }} user */
    async addUser({ email, first, last }) {
      const { lastInsertRowid } = await db.execute(
        'insert into users (email, full_name) values (?, ?)',
        [email, `${first} ${last}`],
      );
      return { id: Number(lastInsertRowid) };
    },
    /** @param {number} id */
    async user(id) {
      return await db.first('select id, email, full_name as name from users where id = ?', [id]);
    },
    /** @param {{ user: number, cents: number }} order */
    async addOrder({ user, cents }) {
      const { lastInsertRowid } = await db.execute(
        'insert into orders (user_id, amount) values (?, ?)',
        [user, cents / 100],
      );
      return { id: Number(lastInsertRowid) };
    },
    /** @param {number} user */
    async total(user) {
      const row = await db.first('select sum(amount) as euros from orders where user_id = ?', [
        user,
      ]);
      return { cents: Math.round((row?.euros ?? 0) * 100) };
    },
  };
}
