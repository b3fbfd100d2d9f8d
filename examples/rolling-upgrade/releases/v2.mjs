// Release 2 splits the full name. Release 1 serves beside it until its last copy is gone, so both shapes are kept alike by triggers.
import { batchMigration, defineMigrations, sqlMigration } from 'quorate';
import { handlers as before, entries as released } from './v1.mjs';

export const release = '2.0.0';

export const entries = [
  ...released,
  sqlMigration(
    '0003_names',
    `alter table users add column first_name text;
     alter table users add column last_name text;
     create trigger users_split after insert on users when new.first_name is null begin
       update users set first_name = substr(new.full_name, 1, instr(new.full_name, ' ') - 1),
         last_name = substr(new.full_name, instr(new.full_name, ' ') + 1) where id = new.id;
     end;
     create trigger users_join after insert on users when new.full_name = '' begin
       update users set full_name = new.first_name || ' ' || new.last_name where id = new.id;
     end`,
    { kind: 'expand' },
  ),
  batchMigration('0004_fill_names', {
    table: 'users',
    key: 'id',
    rows: 200,
    run: `update users set first_name = substr(full_name, 1, instr(full_name, ' ') - 1),
            last_name = substr(full_name, instr(full_name, ' ') + 1)
          where id > :after and id <= :upto and first_name is null`,
    verify: 'select count(*) from users where first_name is null',
  }),
  sqlMigration(
    '0005_drop_full_name',
    `drop trigger users_split;
     drop trigger users_join;
     alter table users drop column full_name`,
    { kind: 'contract' },
  ),
];

export const migrations = defineMigrations({ entries });

/** @param {import('quorate').Database} db */
export function handlers(db) {
  return {
    ...before(db),
    /** @param {{ email: string, first: string, last: string }} user */
    async addUser({ email, first, last }) {
      const { lastInsertRowid } = await db.execute(
        'insert into users (email, first_name, last_name) values (?, ?, ?)',
        [email, first, last],
      );
      return { id: Number(lastInsertRowid) };
    },
    /** @param {number} id */
    async user(id) {
      return await db.first(
        "select id, email, first_name || ' ' || last_name as name from users where id = ?",
        [id],
      );
    },
  };
}
