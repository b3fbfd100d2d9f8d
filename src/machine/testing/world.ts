import { readable } from '../../../test/support/batches.ts';
import {
  type Clock,
  type Limits,
  type LogIndex,
  logIndex,
  must,
  type Port,
  SeededRandom,
  type Timer,
  type Value,
} from '../../base/index.ts';
import { compileSqlite } from '../../engine/index.ts';
import { SlotArena } from '../../pages/index.ts';
import { ExtensionRowsReader, RowSetReader } from '../../wire/index.ts';
import { Machine } from '../machine.ts';
import type {
  Answer,
  FromMachine,
  RowFormat,
  StatementResult,
  Submit,
  ToMachine,
  ToReader,
  Work,
} from '../messages.ts';
import { Reader } from '../reader.ts';
import type { ReaderDirectory } from '../store-directory.ts';

let compiled: WebAssembly.Module | undefined;

/** Hands over the bytes of sqlite3.wasm, which a test file reads: rooms have no files. */
export function useSqlite(bytes: Uint8Array): void {
  compiled = compileSqlite(bytes);
}

function sqlite(): WebAssembly.Module {
  return must(compiled, 'useSqlite was not called');
}

/** Time that moves when a test says so. */
export class ManualClock implements Clock {
  #now = 1000;
  #timers: { readonly at: number; readonly run: () => void; cancelled: boolean }[] = [];
  /** What every look at the time costs: lets running SQL see time pass. */
  tickMs = 0;

  now(): number {
    this.#now += this.tickMs;
    return this.#now;
  }
  wallMs(): number {
    return 1_700_000_000_000 + this.#now;
  }
  after(delayMs: number, run: () => void): Timer {
    const timer = { at: this.#now + delayMs, run, cancelled: false };
    this.#timers.push(timer);
    return {
      cancel: () => {
        timer.cancelled = true;
      },
    };
  }
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers
        .filter((timer) => !timer.cancelled && timer.at <= end)
        .sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
    this.#timers = this.#timers.filter((timer) => !timer.cancelled);
  }
  get pending(): number {
    return this.#timers.filter((timer) => !timer.cancelled).length;
  }
}

/** The far end of a port: the test delivers message by message, or lets them wait for a drain. */
export class TestPort<Out, In> implements Port<Out, In> {
  readonly sent: Out[] = [];
  readonly #inbox: In[] = [];
  #handler: ((message: In) => void) | undefined;
  /** Called at each drain, that is, every thousand operations of running SQL. */
  onDrain: (() => void) | undefined;

  post(message: Out): void {
    this.sent.push(message);
  }
  onMessage(handler: (message: In) => void): void {
    this.#handler = handler;
  }
  drain(): void {
    this.onDrain?.();
    for (let message = this.#inbox.shift(); message !== undefined; message = this.#inbox.shift()) {
      this.#handler?.(message);
    }
  }
  close(): void {}
  /** Puts a message where the next delivery or drain finds it. */
  put(message: In): void {
    this.#inbox.push(message);
  }
  deliver(): void {
    const message = this.#inbox.shift();
    if (message === undefined) return;
    this.#handler?.(message);
    this.deliver();
  }
}

type Seal = Extract<FromMachine, { readonly kind: 'seal' }>;

export interface WorldOptions {
  readonly limits?: Partial<Limits>;
  readonly statementMs?: number;
}

const NEVER_SUBMITTED = { timeoutMs: 0, transactionIdleMs: 0, transactionTotalMs: 0 };

/** Values of all rows of answers in our own format, by statement. */
export function rowsOf(answers: readonly Answer[]): Value[][][] {
  const statements: Value[][][] = [];
  let reader: ExtensionRowsReader | undefined;
  for (const batch of answers.flatMap((answer) => answer.rows)) {
    if (reader === undefined) {
      reader = new ExtensionRowsReader();
      statements.push([]);
    }
    statements.at(-1)?.push(...reader.batch(batch));
    if (reader.ended) reader = undefined;
  }
  return statements;
}

export function dqliteColumns(batch: Uint8Array): readonly string[] {
  return new RowSetReader(batch).columns;
}

/** A machine with a node that the test plays. */
export class World {
  readonly clock = new ManualClock();
  readonly port = new TestPort<FromMachine, ToMachine>();
  readonly arena = new SlotArena({ poison: true });
  readonly machine: Machine;
  /** Seals that wait for consensus, oldest first. */
  readonly seals: Seal[] = [];
  /** Commands that were committed, as followers get them. */
  readonly log: { readonly index: LogIndex; readonly command: Uint8Array }[] = [];
  /** Seals that were published, as epoch/sequence. */
  readonly committedSeals = new Set<string>();
  index = 0;
  epoch = 0;
  #request = 0;
  #seen = 0;
  readonly answers = new Map<number, Answer[]>();
  readonly aborted: number[] = [];
  readonly others: FromMachine[] = [];

  constructor(options: WorldOptions = {}) {
    this.machine = new Machine({
      port: this.port,
      module: sqlite(),
      clock: this.clock,
      random: new SeededRandom(1),
      arena: this.arena,
      statementMs: options.statementMs ?? 0,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
  }

  send(message: ToMachine): void {
    this.port.put(message);
    this.port.deliver();
    this.collect();
  }

  collect(): void {
    while (this.#seen < this.port.sent.length) {
      const message = this.port.sent[this.#seen++];
      if (message.kind === 'seal') this.seals.push(message);
      else if (message.kind === 'answer') {
        const list = this.answers.get(message.request) ?? [];
        list.push(message);
        this.answers.set(message.request, list);
      } else if (message.kind === 'session-aborted') this.aborted.push(message.session);
      else if (message.kind === 'fatal') throw new Error(message.message);
      else this.others.push(message);
    }
  }

  lead(): void {
    this.epoch++;
    this.index++;
    this.send({ kind: 'advance', index: logIndex(this.index) });
    this.send({ kind: 'lead', epoch: this.epoch });
  }

  unlead(): void {
    this.seals.length = 0;
    this.send({ kind: 'unlead', epoch: this.epoch });
  }

  /** Commits the oldest seals; by default until none is left. */
  commit(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count; i++) {
      const seal = this.seals.shift();
      if (seal === undefined) return;
      this.index++;
      const index = logIndex(this.index);
      this.log.push({ index, command: seal.command });
      const { epoch, database, sequence } = seal;
      this.committedSeals.add(`${epoch}/${sequence}`);
      this.send({ kind: 'publish', epoch, database, sequence, index });
    }
  }

  /** Time passes and everything is committed. */
  settle(): void {
    this.clock.advance(10);
    this.collect();
    this.commit();
  }

  submit(work: Work, options: Partial<Submit> = {}): number {
    const request = ++this.#request;
    this.send({
      kind: 'submit',
      session: 0,
      request,
      database: 'main.db',
      work,
      format: 'extension',
      ...NEVER_SUBMITTED,
      ...options,
    });
    return request;
  }

  statement(
    sql: string,
    values: readonly Value[] = [],
    options: Partial<Submit> & { rows?: 'send' | 'refuse' } = {},
  ): number {
    const { rows = 'send', ...rest } = options;
    return this.submit(
      {
        action: 'statement',
        statement: { sql, parameters: { kind: 'positional', values } },
        rows,
        tail: 'refuse',
        surplus: 'refuse',
      },
      rest,
    );
  }

  /** Runs a statement that must not have to wait, and gives its result. */
  run(sql: string, values: readonly Value[] = [], options: Partial<Submit> = {}): StatementResult {
    const end = this.end(this.statement(sql, values, options));
    if (end.kind !== 'done') throw new Error(`${sql}: ${JSON.stringify(end)}`);
    return must(end.results.at(-1));
  }

  rows(sql: string, values: readonly Value[] = [], options: Partial<Submit> = {}): Value[][] {
    const request = this.statement(sql, values, options);
    const end = this.end(request);
    if (end.kind !== 'done') throw new Error(`${sql}: ${JSON.stringify(end)}`);
    return rowsOf(must(this.answers.get(request)))[0] ?? [];
  }

  isDone(request: number): boolean {
    return this.last(request)?.end !== undefined;
  }

  last(request: number): Answer | undefined {
    return this.answers.get(request)?.at(-1);
  }

  end(request: number): ReturnType<typeof readable> {
    const end = this.last(request)?.end;
    if (end === undefined) throw new Error(`request ${request} is not answered`);
    return readable(end);
  }

  code(request: number): string {
    const end = this.end(request);
    return end.kind === 'failed' ? end.failure.code : end.kind;
  }
}

/** A machine that only applies what another one has committed. */
export class Follower {
  readonly world = new World();

  take(leader: World, from = 0): void {
    for (const { index, command } of leader.log.slice(from)) {
      this.world.send({ kind: 'apply', index, command });
      this.world.index = index;
    }
  }
}

/** Reads a cut of all databases to its end. */
export function readCut(world: World, id: number, chunk = 10_000): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    world.others.length = 0;
    world.send({ kind: 'read-cut', id, bytes: chunk });
    const message = world.others.find((other) => other.kind === 'cut-chunk');
    if (message?.kind !== 'cut-chunk') throw new Error('no chunk');
    parts.push(message.bytes);
    if (message.last) break;
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** The published content of a machine as the content of a snapshot. */
export function content(world: World): Uint8Array {
  const id = 900_000 + Math.floor(world.clock.now());
  world.send({ kind: 'cut', id });
  const bytes = readCut(world, id, 1 << 20);
  world.send({ kind: 'release-cut', id });
  return bytes;
}

/** A reader beside a machine, with a node that the test plays. */
export class ReaderWorld {
  readonly port = new TestPort<Answer | { kind: 'fatal'; message: string }, ToReader>();
  readonly reader: Reader;
  readonly answers = new Map<number, Answer[]>();
  #request = 0;
  #seen = 0;

  constructor(directory: ReaderDirectory, clock: Clock, statementMs = 0, brief = false) {
    this.reader = new Reader({
      brief,
      port: this.port,
      module: sqlite(),
      clock,
      random: new SeededRandom(2),
      directory,
      statementMs,
    });
  }

  send(message: ToReader): void {
    this.port.put(message);
    this.port.deliver();
    this.collect();
  }

  collect(): void {
    for (; this.#seen < this.port.sent.length; this.#seen++) {
      const message = this.port.sent[this.#seen];
      if (message.kind === 'fatal') throw new Error(message.message);
      const list = this.answers.get(message.request) ?? [];
      list.push(message);
      this.answers.set(message.request, list);
    }
  }

  submit(work: Work, options: Partial<Submit> = {}): number {
    const request = ++this.#request;
    this.send({
      kind: 'submit',
      session: 0,
      request,
      database: 'main.db',
      work,
      format: 'extension',
      ...NEVER_SUBMITTED,
      ...options,
    });
    return request;
  }

  statement(sql: string, options: Partial<Submit> = {}, format: RowFormat = 'extension'): number {
    return this.submit(
      {
        action: 'statement',
        statement: { sql, parameters: { kind: 'positional', values: [] } },
        rows: 'send',
        tail: 'refuse',
        surplus: 'refuse',
      },
      { format, ...options },
    );
  }

  end(request: number): NonNullable<Answer['end']> {
    const end = this.answers.get(request)?.at(-1)?.end;
    if (end === undefined) throw new Error(`request ${request} is not answered`);
    return end;
  }

  code(request: number): string {
    const end = this.end(request);
    return end.kind === 'failed' ? end.failure.code : end.kind;
  }

  rows(sql: string, options: Partial<Submit> = {}): Value[][] {
    const request = this.statement(sql, options);
    const end = this.end(request);
    if (end.kind !== 'done') throw new Error(`${sql}: ${JSON.stringify(end)}`);
    return rowsOf(must(this.answers.get(request)))[0] ?? [];
  }
}
