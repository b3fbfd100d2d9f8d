import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logIndex, must, randomBelow, SeededRandom } from '../base/index.ts';
import { content, Follower, rowsOf, useSqlite, World } from './testing/world.ts';

useSqlite(
  readFileSync(createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm')),
);

const ACCOUNTS = 8;
const SUM = ACCOUNTS * 100;
const SESSIONS = 4;

/** A client of the machine that counts money and leaves a token for each transaction. */
class Client {
  readonly number: number;
  /** Tokens written in the open transaction. */
  tokens: number[] = [];
  open = false;
  /** What waits for an answer, and what to do with it. */
  waiting:
    | { readonly request: number; readonly then: (code: string, request: number) => void }
    | undefined;

  constructor(number: number) {
    this.number = number;
  }
}

/** A machine, its clients and its cluster, driven by random numbers alone. */
class Run {
  readonly world = new World({ limits: { unsealedPages: 32, sealBytes: 64 * 1024 } });
  readonly random: SeededRandom;
  readonly clients = Array.from({ length: SESSIONS }, (_, i) => new Client(i + 1));
  /** Which seal a token was committed in; undefined = its transaction did not commit. */
  readonly tokens = new Map<number, string | undefined>();
  readonly sums: number[] = [];
  #token = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.world.lead();
    this.world.run('create table account(id integer primary key, money, note)');
    this.world.run('create table token(id integer primary key)');
    this.world.run(
      `with recursive c(n) as (select 1 union all select n + 1 from c where n < ${ACCOUNTS}) insert into account select n, 100, zeroblob(500) from c`,
    );
    this.world.settle();
    this.world.settle();
  }

  below(limit: number): number {
    return randomBelow(this.random, limit);
  }

  step(): void {
    this.harvest();
    switch (this.below(14)) {
      case 0:
        this.commitSeals();
        return;
      case 1:
        this.world.clock.advance(this.below(20));
        this.world.collect();
        return;
      case 2:
        if (this.below(6) === 0) this.loseLeadership();
        return;
      case 3:
        if (this.below(10) === 0) this.world.clock.advance(5001);
        this.world.collect();
        return;
      case 4:
        this.autocommit();
        return;
      case 5:
        this.check();
        return;
      default:
        this.act(this.clients[this.below(SESSIONS)]);
        return;
    }
  }

  commitSeals(): void {
    const count = this.below(4);
    for (let i = 0; i < count; i++) {
      this.world.commit(1);
    }
  }

  /** The next leader has a prefix of what was in flight, perhaps all of it; then this node leads again. */
  loseLeadership(): void {
    const kept = this.world.seals.slice(0, this.below(this.world.seals.length + 1));
    this.world.unlead();
    for (const { epoch, sequence, command } of kept) {
      this.world.committedSeals.add(`${epoch}/${sequence}`);
      this.world.index++;
      const index = logIndex(this.world.index);
      this.world.log.push({ index, command });
      this.world.send({ kind: 'apply', index, command });
    }
    this.harvest();
    if (this.below(2) === 0) this.autocommit();
    this.world.lead();
  }

  newToken(): number {
    const token = ++this.#token;
    this.tokens.set(token, undefined);
    return token;
  }

  committed(request: number, tokens: readonly number[]): void {
    const observed = this.world.last(request)?.observed;
    if (observed?.kind !== 'speculative' || !observed.wrote) throw new Error('a commit of nothing');
    for (const token of tokens) this.tokens.set(token, `${observed.epoch}/${observed.sequence}`);
  }

  autocommit(): void {
    const token = this.newToken();
    const request = this.world.statement('insert into token values(?)', [token]);
    this.later.push({ request, token });
    this.harvest();
  }

  readonly later: { readonly request: number; readonly token: number }[] = [];

  check(): void {
    const request = this.world.statement('select sum(money), changes() from account');
    if (this.world.code(request) !== 'done') return;
    this.sums.push(Number(rowsOf(must(this.world.answers.get(request)))[0][0][0]));
  }

  /** Looks at answers that have come. */
  harvest(): void {
    for (const entry of [...this.later]) {
      if (!this.world.isDone(entry.request)) continue;
      this.later.splice(this.later.indexOf(entry), 1);
      if (this.world.code(entry.request) === 'done') this.committed(entry.request, [entry.token]);
    }
    for (const client of this.clients) {
      const { waiting } = client;
      if (waiting === undefined || !this.world.isDone(waiting.request)) continue;
      client.waiting = undefined;
      waiting.then(this.world.code(waiting.request), waiting.request);
    }
  }

  send(
    client: Client,
    sql: string,
    values: readonly number[],
    then: (code: string, request: number) => void,
  ): void {
    const request = this.world.statement(sql, values, { session: client.number });
    client.waiting = { request, then };
    this.harvest();
  }

  act(client: Client): void {
    if (client.waiting !== undefined) return;
    if (!client.open) {
      client.tokens = [];
      const begin = this.below(2) === 0 ? 'begin' : 'begin immediate';
      this.send(client, begin, [], (code) => {
        client.open = code === 'done';
      });
      return;
    }
    const failed = (code: string) => {
      if (code !== 'done') this.rollback(client);
    };
    switch (this.below(8)) {
      case 0:
        this.rollback(client);
        return;
      case 1:
      case 2:
        this.commit(client);
        return;
      case 3:
        this.send(client, 'select sum(money) from account', [], failed);
        return;
      case 4: {
        const token = this.newToken();
        client.tokens.push(token);
        this.send(client, 'insert into token values(?)', [token], failed);
        return;
      }
      default:
        this.transfer(client, failed);
        return;
    }
  }

  transfer(client: Client, failed: (code: string) => void): void {
    const from = 1 + this.below(ACCOUNTS);
    const to = 1 + this.below(ACCOUNTS);
    const sql =
      'update account set money = money + (id = ?2) - (id = ?1), note = randomblob(500 + random() % 400) where id in (?1, ?2)';
    this.send(client, sql, [from, to], failed);
  }

  commit(client: Client): void {
    const { tokens } = client;
    this.send(client, 'commit', [], (code, request) => {
      client.open = false;
      if (code === 'done' && tokens.length > 0) {
        const observed = this.world.last(request)?.observed;
        expect(observed).toMatchObject({ kind: 'speculative', wrote: true });
        this.committed(request, tokens);
      }
      if (code !== 'done' && code !== 'TX_ABORTED') this.rollback(client);
    });
  }

  rollback(client: Client): void {
    this.send(client, 'rollback', [], () => {
      client.open = false;
    });
  }

  finish(): void {
    for (let i = 0; i < 20; i++) {
      this.harvest();
      for (const client of this.clients) {
        if (client.waiting === undefined && client.open) this.rollback(client);
      }
      this.world.settle();
    }
    this.harvest();
    expect(this.later).toEqual([]);
    expect(this.clients.filter((client) => client.waiting !== undefined)).toEqual([]);
  }

  verify(): void {
    expect(new Set([...this.sums, SUM])).toEqual(new Set([SUM]));
    const { world } = this;
    expect(world.rows('select sum(money), 0 * changes() from account')).toEqual([[SUM, 0]]);
    const present = new Set(
      world.rows('select id, changes() from token').map(([id]) => Number(id)),
    );
    for (const [token, seal] of this.tokens) {
      const expected = seal !== undefined && this.world.committedSeals.has(seal);
      expect([token, seal, present.has(token)]).toEqual([token, seal, expected]);
    }
    world.run('create temp table own(x)', [], { session: 99 });
    expect(world.rows('pragma integrity_check', [], { session: 99 })).toEqual([['ok']]);
    const follower = new Follower();
    follower.take(world);
    expect(content(follower.world)).toEqual(content(world));
  }
}

describe('random clients and leaders', () => {
  it('lose nothing that was committed, keep nothing that was not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1 << 30 }), (seed) => {
        const run = new Run(seed);
        for (let i = 0; i < 300; i++) run.step();
        run.finish();
        run.verify();
      }),
      { numRuns: Number(process.env.QUORATE_RUNS ?? 15) },
    );
  });
});
