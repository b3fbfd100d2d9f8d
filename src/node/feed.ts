import { assert, type Entry, type LogIndex, logIndex, type Port } from '../base/index.ts';
import type { FromMachine, ToMachine } from '../machine/index.ts';

/** Command bytes that the machine was given and has not applied. More waits here, as references only. */
const WINDOW_BYTES = 16 * 1024 * 1024;

interface Item {
  readonly index: LogIndex;
  /** undefined = the entry has no effect on databases. */
  readonly command: Uint8Array | undefined;
}

/** Committed entries on their way to the machine, in order, with bounded memory in its inbox. */
export class Feed {
  readonly #port: Port<ToMachine, FromMachine>;
  #queue: Item[] = [];
  #head = 0;
  /** Posted commands that are not applied yet. */
  #posted: { readonly index: LogIndex; readonly bytes: number }[] = [];
  #postedBytes = 0;
  #last: LogIndex;
  /** While a snapshot is being restored the machine gets no entries. */
  #paused = false;

  constructor(port: Port<ToMachine, FromMachine>, last: LogIndex) {
    this.#port = port;
    this.#last = last;
  }

  /** Index of the last entry taken. */
  get last(): LogIndex {
    return this.#last;
  }

  /** True when everything taken was posted. */
  get empty(): boolean {
    return this.#head === this.#queue.length;
  }

  push(index: LogIndex, entry: Entry): void {
    this.#take(index);
    this.#queue.push({ index, command: entry.type === 'command' ? entry.data : undefined });
    this.#flush();
  }

  /** The entry at `index` is published instead of applied: nothing may be queued before it. */
  skip(index: LogIndex): void {
    assert(this.empty, 'a seal is published before entries that precede it were applied');
    this.#take(index);
  }

  applied(index: LogIndex): void {
    let count = 0;
    for (const posted of this.#posted) {
      if (posted.index > index) break;
      this.#postedBytes -= posted.bytes;
      count++;
    }
    this.#posted.splice(0, count);
    this.#flush();
  }

  pause(): void {
    this.#paused = true;
  }

  /** Goes on, after `index` if a snapshot brought the machine there. */
  resume(index: LogIndex | undefined): void {
    this.#paused = false;
    if (index !== undefined) {
      assert(index >= this.#last, 'a snapshot took the state back');
      this.#queue = [];
      this.#head = 0;
      this.#posted = [];
      this.#postedBytes = 0;
      this.#last = index;
    }
    this.#flush();
  }

  /** A view crosses to another thread with all of the memory that it lies in, which may be a segment of the log or a whole message. */
  #post(index: LogIndex, command: Uint8Array): void {
    if (command.length * 2 > command.buffer.byteLength) {
      this.#port.post({ kind: 'apply', index, command });
      return;
    }
    const own = new Uint8Array(command);
    this.#port.post({ kind: 'apply', index, command: own }, [own.buffer]);
  }

  #take(index: LogIndex): void {
    assert(index === this.#last + 1, () => `entry ${index} follows ${this.#last}`);
    this.#last = index;
  }

  #flush(): void {
    let advance = 0;
    while (!this.#paused && this.#head < this.#queue.length && this.#postedBytes < WINDOW_BYTES) {
      const { index, command } = this.#queue[this.#head++];
      if (command === undefined) {
        advance = index;
        continue;
      }
      this.#post(index, command);
      this.#posted.push({ index, bytes: command.length });
      this.#postedBytes += command.length;
      advance = 0;
    }
    if (advance > 0) this.#port.post({ kind: 'advance', index: logIndex(advance) });
    if (this.#head > 0 && this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
