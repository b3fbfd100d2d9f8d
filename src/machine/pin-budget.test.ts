import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it, vi } from 'vitest';
import { useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

function spy(world: World) {
  const store = world.machine.directory.find('main.db');
  if (store === undefined) throw new Error('no database');
  return vi.spyOn(store, 'enforceBudget');
}

it('what pins retain is looked at after 16 MiB of changes, on the leader and on followers (S5)', () => {
  const leader = new World();
  leader.lead();
  leader.run('create table t(x)');
  leader.settle();
  const follower = new World();
  const [created] = leader.log;
  follower.send({ kind: 'apply', ...created });
  const looks = [spy(leader), spy(follower)];
  for (let i = 0; i < 5; i++) {
    for (const look of looks) expect(look).not.toHaveBeenCalled();
    leader.run('insert into t values (zeroblob(4 * 1024 * 1024))');
    leader.settle();
    for (const entry of leader.log.slice(-1)) follower.send({ kind: 'apply', ...entry });
    if (i < 3) continue;
    // 4 times 4 MiB, with the pages that hold them together.
    for (const look of looks) expect(look).toHaveBeenCalledExactlyOnceWith(256 * 1024 * 1024);
    break;
  }
});
