import {
  assert,
  ByteWriter,
  fromUtf8,
  type LogIndex,
  logIndex,
  PAGE_SIZE_BYTES,
  type Port,
  pad8,
  utf8,
} from '../../base/index.ts';
import type {
  Answer,
  FromMachine,
  FromReader,
  Observed,
  RequestEnd,
  SessionState,
  Submit,
  ToMachine,
  ToReader,
} from '../../machine/index.ts';

type Change = readonly [key: string, value: string];

const SNAPSHOT_HEAD_BYTES = 40;
const IDLE: SessionState = { transaction: 'none', aborted: false, home: false };

/** What machine and readers share: one table of texts, as of the last published change. */
export class FakeStore {
  published = new Map<string, string>();
  index: LogIndex = logIndex(0);
}

/** Commands are lists of changes, padded as log entries must be. */
export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const text = utf8(JSON.stringify(changes));
  const bytes = new Uint8Array(pad8(text.length)).fill(0x20);
  bytes.set(text);
  return bytes;
}

function decodeChanges(bytes: Uint8Array): Change[] {
  return JSON.parse(fromUtf8(bytes));
}

/** Snapshot content (fsm.md §5) of one database whose pages hold the table as text. */
function encodeSnapshot(table: ReadonlyMap<string, string>): Uint8Array {
  const text = utf8(JSON.stringify([...table]));
  const bytes = Math.ceil(text.length / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
  const writer = new ByteWriter(SNAPSHOT_HEAD_BYTES + bytes);
  writer.safe(1).safe(1).text('main').safe(bytes).safe(0).raw(text);
  return writer.raw(new Uint8Array(bytes - text.length).fill(0x20)).finish();
}

function decodeSnapshot(chunks: readonly Uint8Array[]): Map<string, string> {
  const text = chunks.map((chunk) => fromUtf8(chunk)).join('');
  return new Map(JSON.parse(text.slice(SNAPSHOT_HEAD_BYTES)));
}

/**
 * Stands in for the SQL thread: statements are `SET key value`, `NOOP` (a write that changes nothing) and
 * `SELECT key`. Each SET is a seal of its own. Keeps the rules of the contract and asserts them.
 */
export class FakeMachine {
  readonly store: FakeStore;
  readonly #port: Port<FromMachine, ToMachine>;
  readonly #live = new Map<number, readonly Change[]>();
  /** SETs wait here, as behind a long statement. */
  hold = false;
  #held: Submit[] = [];
  #epoch: number | undefined;
  #sequence = 0;
  #draining = false;
  #head = new Map<string, string>();
  #cuts = new Map<number, { bytes: Uint8Array; at: number }>();
  #restore: { id: number; index: LogIndex; chunks: Uint8Array[] } | undefined;
  executed = 0;
  /** As told last. */
  limits: Extract<ToMachine, { readonly kind: 'limits' }> | undefined;

  constructor(port: Port<FromMachine, ToMachine>, store: FakeStore) {
    this.#port = port;
    this.store = store;
    port.onMessage((message) => this.#handle(message));
  }

  /** A database whose text is UTF-16 arrived. */
  tellUnreadable(database: string): void {
    this.#port.post({ kind: 'databases', names: [database] });
    this.#port.post({ kind: 'unreadable', database });
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  release(): void {
    this.hold = false;
    for (const submit of this.#held.splice(0)) this.#submit(submit);
  }

  #handle(message: ToMachine): void {
    switch (message.kind) {
      case 'submit':
        this.#submit(message);
        break;
      case 'lead':
        assert(this.#epoch === undefined);
        this.#epoch = message.epoch;
        this.#sequence = 0;
        this.#head = new Map(this.store.published);
        break;
      case 'unlead':
        assert(this.#epoch === message.epoch);
        this.#epoch = undefined;
        this.#live.clear();
        for (const submit of this.#held.splice(0)) this.#submit(submit);
        break;
      case 'publish': {
        assert(message.epoch === this.#epoch, 'a publish of a dead epoch');
        const changes = this.#live.get(message.sequence);
        assert(changes !== undefined, 'a publish of no live seal');
        this.#live.delete(message.sequence);
        this.#change(changes, message.index);
        break;
      }
      case 'apply':
        assert(this.#epoch === undefined || this.#live.size === 0, 'an apply meets speculation');
        this.#change(decodeChanges(message.command), message.index);
        break;
      case 'advance':
        this.#change([], message.index);
        break;
      case 'limits':
        this.limits = message;
        break;
      case 'drain':
        this.#draining = true;
        this.#port.post({ kind: 'drained', id: message.id });
        break;
      case 'resume':
        this.#draining = false;
        for (const submit of this.#held.splice(0)) this.#submit(submit);
        break;
      default:
        this.#handleSnapshot(message);
    }
  }

  #handleSnapshot(message: ToMachine): void {
    switch (message.kind) {
      case 'cut':
      case 'cut-database': {
        const bytes = encodeSnapshot(this.store.published);
        this.#cuts.set(message.id, { bytes, at: 0 });
        const { index } = this.store;
        const { id } = message;
        this.#port.post({ kind: 'cut', id, index, bytes: bytes.length, pages: 1, missing: false });
        break;
      }
      case 'read-cut': {
        const cut = this.#cuts.get(message.id);
        assert(cut !== undefined);
        const bytes = cut.bytes.slice(cut.at, cut.at + 1000);
        cut.at += bytes.length;
        const last = cut.at >= cut.bytes.length;
        this.#port.post({ kind: 'cut-chunk', id: message.id, bytes, last });
        break;
      }
      case 'release-cut':
        this.#cuts.delete(message.id);
        break;
      case 'restore-begin':
        this.#restore = { id: message.id, index: message.index, chunks: [] };
        break;
      case 'restore-chunk':
        this.#restore?.chunks.push(message.bytes.slice());
        break;
      case 'restore-check':
        this.#port.post({ kind: 'restored', id: message.id, error: undefined });
        break;
      case 'restore-end': {
        const restore = this.#restore;
        this.#restore = undefined;
        if (message.commit) {
          assert(restore !== undefined && this.#epoch === undefined);
          this.store.published = decodeSnapshot(restore.chunks);
          this.store.index = restore.index;
        }
        this.#port.post({ kind: 'restored', id: message.id, error: undefined });
        break;
      }
      default:
        break;
    }
  }

  #change(changes: readonly Change[], index: LogIndex): void {
    assert(index > this.store.index, 'applied indexes go back');
    for (const [key, value] of changes) this.store.published.set(key, value);
    this.store.index = index;
    this.#port.post({ kind: 'applied', index });
  }

  #submit(submit: Submit): void {
    const { work } = submit;
    assert(work.action === 'statement');
    const [verb, key, value] = work.statement.sql.split(' ');
    if (verb === 'SELECT') {
      this.#port.post(
        answer(submit, { kind: 'published', index: this.store.index }, { kind: 'redirect' }),
      );
      return;
    }
    if (this.#epoch === undefined) {
      const failure = {
        code: 'NOT_LEADER',
        message: 'not leader',
        rawCode: 10250,
        retryable: true,
      };
      const observed: Observed = { kind: 'published', index: this.store.index };
      this.#port.post(answer(submit, observed, { kind: 'failed', failure, results: [] }));
      return;
    }
    if (this.hold || this.#draining) {
      this.#held.push(submit);
      return;
    }
    this.executed++;
    const wrote = verb === 'SET';
    if (wrote) this.#head.set(key, value);
    const sequence = wrote ? this.#sequence + 1 : this.#sequence;
    const { database } = submit;
    const epoch = this.#epoch;
    const observed: Observed = { kind: 'speculative', epoch, database, sequence, wrote };
    this.#port.post(answer(submit, observed, { kind: 'done', results: [] }));
    if (!wrote) return;
    this.#sequence = sequence;
    this.#live.set(sequence, [[key, value]]);
    this.#port.post({
      kind: 'seal',
      epoch,
      database,
      sequence,
      transactions: 1,
      command: encodeChanges([[key, value]]),
    });
  }
}

/** Stands in for a reader thread: `SELECT key` answers one batch with the value. */
export class FakeReader {
  readonly #port: Port<FromReader, ToReader>;
  readonly #store: FakeStore;
  reads = 0;

  constructor(port: Port<FromReader, ToReader>, store: FakeStore) {
    this.#port = port;
    this.#store = store;
    port.onMessage((message) => {
      if (message.kind === 'submit') this.#submit(message);
    });
  }

  #submit(submit: Submit): void {
    const { work } = submit;
    assert(work.action === 'statement');
    const [verb, key] = work.statement.sql.split(' ');
    const observed: Observed = { kind: 'published', index: this.#store.index };
    if (verb !== 'SELECT') {
      this.#port.post(answer(submit, observed, { kind: 'redirect' }));
      return;
    }
    this.reads++;
    const row = utf8(this.#store.published.get(key) ?? '');
    this.#port.post(answer(submit, observed, { kind: 'done', results: [] }, [row]));
  }
}

function answer(
  submit: Submit,
  observed: Observed,
  end: RequestEnd,
  rows: readonly Uint8Array[] = [],
): Answer {
  const { session, request } = submit;
  return { kind: 'answer', session, request, observed, rows, end, state: IDLE };
}
