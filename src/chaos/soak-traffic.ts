import { connect as connectSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../app/index.ts';
import { assert, QuorateError, type Random, randomBelow, SeededRandom } from '../base/index.ts';
import type { Consistency, Database } from '../client/index.ts';

/** Rows stay within these, so that what is stored does not grow. */
const ITEMS = 2000;
const ACCOUNTS = 32;
const BALANCE = 1000;
const DATABASE = 'soak';

type Cluster = ReturnType<typeof connect>;
type Step = (random: Random, at: number) => Promise<void>;

/** What the traffic of a soak did. */
export interface TrafficReport {
  /** Finished steps by name. */
  readonly done: Readonly<Record<string, number>>;
  /** Failed steps by code; every one of them is a QuorateError. */
  readonly failed: Readonly<Record<string, number>>;
}

/**
 * Traffic of many kinds at a moderate pace on a set of data that does not grow: writes, updates, deletes, reads of every
 * consistency on every node, transactions that end in every way, connections opened, closed and broken off.
 */
export class SoakTraffic {
  readonly #addresses: readonly string[];
  readonly #db: Cluster;
  readonly #done = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  readonly #work: Promise<void>[] = [];
  #stopped = false;
  /** The first error that no user should see. */
  #unexpected: unknown;

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
    this.#db = connect({ servers: addresses, database: DATABASE });
  }

  get report(): TrafficReport {
    return { done: Object.fromEntries(this.#done), failed: Object.fromEntries(this.#failed) };
  }

  get steps(): number {
    return [...this.#done.values()].reduce((sum, count) => sum + count, 0);
  }

  async prepare(): Promise<void> {
    await this.#db.executeMultiple(
      'create table item (id integer primary key, body text, stamp integer);' +
        'create index item_stamp on item (stamp);' +
        'create table account (id integer primary key, amount integer not null)',
    );
    const rows = Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${BALANCE})`);
    await this.#db.execute(`insert into account values ${rows.join()}`);
  }

  /** Starts all kinds of work; `pace` multiplies their rates. */
  start(pace: number): void {
    const kinds: readonly (readonly [string, number, Step])[] = [
      ['write', 10, (random, at) => this.#write(random, at)],
      [
        'delete',
        3,
        async (random) => {
          await this.#db.execute('delete from item where id = ?', [randomBelow(random, ITEMS)]);
        },
      ],
      ['read', 20, (random, at) => this.#read(random, at)],
      ['transaction', 3, (random) => this.#transfer(random)],
      ['batch', 1, (random) => this.#batch(random)],
      ['session', 2, (random) => this.#session(random)],
      ['connection', 1, (random) => this.#connection(random)],
      ['broken connection', 1, (random) => this.#brokenConnection(random)],
      ['bad statement', 1, () => this.#badStatement()],
      ['schema change', 0.1, (_random, at) => this.#schemaChange(at)],
      ['transfer of leadership', 1 / 60, (_random, at) => this.#leadershipTo(at)],
    ];
    kinds.forEach(([name, perSecond, step], seed) => {
      this.#work.push(this.#repeat(name, perSecond * pace, step, new SeededRandom(seed + 1)));
    });
  }

  /** Ends all work and checks that the sum of the accounts is what it was. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#work);
    const [sum] = await this.#db.query<{ total: number }>(
      'select sum(amount) as total from account',
    );
    const total = sum?.total;
    await this.#db.close();
    if (this.#unexpected !== undefined) throw this.#unexpected;
    assert(total === ACCOUNTS * BALANCE, () => `the accounts hold ${total}`);
  }

  async #repeat(name: string, perSecond: number, step: Step, random: Random): Promise<void> {
    for (let at = 0; !this.#stopped; at++) {
      // A long pause would keep the end waiting.
      for (
        let left = (2000 * random.float()) / perSecond;
        left > 0 && !this.#stopped;
        left -= 500
      ) {
        await sleep(Math.min(left, 500));
      }
      try {
        await step(random, at);
        this.#done.set(name, (this.#done.get(name) ?? 0) + 1);
      } catch (error) {
        if (!(error instanceof QuorateError)) this.#unexpected ??= error;
        const code = error instanceof QuorateError ? error.code : String(error);
        this.#failed.set(code, (this.#failed.get(code) ?? 0) + 1);
      }
    }
  }

  /** Every node leads in turn: a leader needs memory that a follower does not. */
  async #leadershipTo(at: number): Promise<void> {
    const { cluster } = this.#db;
    const members = await cluster.members();
    const leader = await cluster.leader();
    const next = members[at % members.length];
    if (next !== undefined && next.id !== leader?.id) await cluster.transfer(next.id);
  }

  async #write(random: Random, at: number): Promise<void> {
    const body = 'x'.repeat(randomBelow(random, random.float() < 0.05 ? 20_000 : 400));
    await this.#db.execute(
      'insert into item values (?1, ?2, ?3) on conflict (id) do update set body = ?2, stamp = ?3',
      [randomBelow(random, ITEMS), body, at],
    );
  }

  async #read(random: Random, at: number): Promise<void> {
    const consistencies: readonly Consistency[] = ['linearizable', 'lease', 'session', 'local'];
    const consistency = consistencies[randomBelow(random, consistencies.length)];
    const readFrom = this.#addresses[at % this.#addresses.length];
    const low = randomBelow(random, ITEMS);
    await this.#db.query(
      'select id, body from item where id between ? and ?',
      [low, low + randomBelow(random, 40)],
      { consistency, readFrom },
    );
  }

  async #transfer(random: Random): Promise<void> {
    const [from, to] = [randomBelow(random, ACCOUNTS), randomBelow(random, ACCOUNTS)];
    const end = random.float();
    const tx = await this.#db.transaction('write');
    try {
      await tx.execute('update account set amount = amount - 1 where id = ?', [from]);
      await tx.query('select amount from account where id = ?', [to]);
      await tx.execute('update account set amount = amount + 1 where id = ?', [to]);
      if (end < 0.7) await tx.commit();
      else if (end < 0.9) await tx.rollback();
    } finally {
      // Open ones are left to the server, which rolls them back.
      tx.close();
    }
  }

  async #batch(random: Random): Promise<void> {
    const rows = Array.from({ length: 20 }, () => randomBelow(random, ITEMS));
    await this.#db.batch(
      rows.map((id) => ['update item set stamp = stamp + 1 where id = ?', [id]] as const),
    );
  }

  async #session(random: Random): Promise<void> {
    await using session = this.#db.session();
    const id = randomBelow(random, ITEMS);
    await session.execute('update item set stamp = ? where id = ?', [id, id]);
    await session.query('select stamp from item where id = ?', [id]);
  }

  /** A client of its own: some close while something is running, some leave a stream early. */
  async #connection(random: Random): Promise<void> {
    const db: Database = connect({ servers: this.#addresses, database: DATABASE });
    try {
      await db.first('select count(*) as items from item');
      const end = random.float();
      if (end < 0.3) {
        for await (const _row of db.stream('select * from item')) if (random.float() < 0.1) break;
      } else if (end < 0.6) {
        const running = db.query('select a.id from item a, item b limit 100000');
        running.catch(() => undefined);
        await sleep(randomBelow(random, 20));
      } else if (end < 0.8) {
        const tx = await db.transaction('write');
        await tx.execute('update item set stamp = 0 where id = 1');
      }
    } finally {
      await db.close();
    }
  }

  /** Bytes that begin as a client, a peer or nothing known, then the end without a goodbye. */
  async #brokenConnection(random: Random): Promise<void> {
    const address = this.#addresses[randomBelow(random, this.#addresses.length)] ?? '';
    const port = Number(address.split(':')[1]);
    const socket = connectSocket(port, '127.0.0.1');
    socket.on('error', () => undefined);
    const bytes = Uint8Array.from({ length: 1 + randomBelow(random, 40) }, (_, at) =>
      at === 0 ? 1 + randomBelow(random, 4) : at < 8 ? 0 : randomBelow(random, 256),
    );
    socket.write(bytes);
    await sleep(50);
    if (random.float() < 0.5) socket.destroy();
    else socket.resetAndDestroy();
  }

  async #badStatement(): Promise<void> {
    const failure = await this.#db
      .execute('select * from nothing')
      .catch((error: unknown) => error);
    assert(failure instanceof QuorateError, 'a bad statement has an error of its own');
  }

  async #schemaChange(at: number): Promise<void> {
    const name = `extra_${at}`;
    await this.#db.execute(`create table ${name} (a, b unique)`);
    await this.#db.execute(`insert into ${name} values (1, 2)`);
    await this.#db.execute(`drop table ${name}`);
  }
}
