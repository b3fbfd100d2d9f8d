import { expect } from 'vitest';
import {
  assert,
  type Configuration,
  type Entry,
  encodeConfiguration,
  logIndex,
  QuorateError,
  term,
} from '../../base/index.ts';
import type { PersistOperation, SnapshotInfo } from '../../raft/index.ts';
import type { SimulatedDisk } from '../../sim/disk.ts';
import { type DurableLog, openLog, type Recovered } from '../index.ts';

/** Small, so that a few entries fill one. */
export const SEGMENT_BYTES = 4096;
export const CONFIGURATION: Configuration = {
  members: [{ id: 1n, address: '10.0.0.1:9001', role: 'voter' }],
};
/** An empty state machine: format 1, no databases. */
const CONTENT = Uint8Array.of(1, ...new Uint8Array(15));

/** What may be on disk: everything acknowledged, and a beginning of what was not. */
interface State {
  readonly term: number;
  readonly vote: bigint;
  /** Entry at index i at position i − 1, as text; '*' is covered by an installed snapshot. */
  readonly log: readonly string[];
}

export function textOf(entry: Entry): string {
  return `${entry.term}/${entry.type}/${entry.data.length}/${entry.data[0]}`;
}

function configurationText(entryTerm: number): string {
  const data = encodeConfiguration(CONFIGURATION);
  return textOf({ term: term(entryTerm), type: 'configuration', data });
}

/** Waits for all, then throws the first error: nobody is left unheard. */
export async function together(...all: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(all)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

/** Drives a log and remembers which states its disk may be in. */
export class LogDriver {
  readonly log: DurableLog;
  /** Nothing more can be asked of it. */
  closing = false;
  readonly quarantined: boolean;
  /** The first is acknowledged, the others are possible; the last is what was asked for. */
  #states: State[];
  #snapshots: number[];
  #serial = 0;
  readonly #disk: SimulatedDisk;

  private constructor(
    disk: SimulatedDisk,
    log: DurableLog,
    recovered: Recovered,
    before?: LogDriver,
  ) {
    this.#disk = disk;
    this.log = log;
    this.quarantined = recovered.quarantined;
    this.#snapshots = [recovered.snapshot?.index ?? 0];
    const missing = recovered.firstIndex - 1;
    const entries = [...Array<string>(missing).fill('*'), ...recovered.entries.map(textOf)];
    this.#states = [{ term: recovered.term, vote: recovered.vote, log: entries }];
    this.#serial = before === undefined ? 0 : before.#serial + 1;
  }

  /** Opens the log; what it holds must be a state in which `before` may have left it. */
  static async open(disk: SimulatedDisk, before?: LogDriver): Promise<LogDriver> {
    const { log, recovered } = await openLog(disk.mount(), { segmentBytes: SEGMENT_BYTES });
    before?.check(recovered);
    return new LogDriver(disk, log, recovered, before);
  }

  get last(): State {
    const state = this.#states.at(-1);
    assert(state !== undefined, 'a state is always there');
    return state;
  }

  get lastIndex(): number {
    return this.last.log.length;
  }

  get snapshotIndex(): number {
    return this.#snapshots.at(-1) ?? 0;
  }

  #entry(sizeBytes: number): Entry {
    this.#serial = (this.#serial + 1) % 251;
    const data = new Uint8Array(sizeBytes).fill(this.#serial);
    return { term: term(Math.max(1, this.last.term)), type: 'command', data };
  }

  #append(sizes: readonly number[]): PersistOperation {
    const first = logIndex(this.lastIndex + 1);
    return { kind: 'append', first, entries: sizes.map((size) => this.#entry(size)) };
  }

  /** Issues operations; they are acknowledged when the promise resolves. Sizes mean: append such entries. */
  async persist(...work: readonly (PersistOperation | readonly number[])[]): Promise<void> {
    const operations = work.map((each) => {
      const operation = 'kind' in each ? each : this.#append(each);
      this.#issue(operation);
      return operation;
    });
    const reached = this.last;
    await this.log.persist(operations);
    this.#acknowledge(reached);
  }

  async metadata(newTerm: number, vote = 0n): Promise<void> {
    await this.persist({ kind: 'metadata', term: term(newTerm), vote });
  }

  async truncate(from: number): Promise<void> {
    await this.persist({ kind: 'truncate', from: logIndex(from) });
  }

  /** A new log with its first configuration. */
  async bootstrap(): Promise<void> {
    const log = [configurationText(1)];
    const founded = { term: 1, vote: 0n, log };
    this.#states.push({ ...this.last, log });
    this.#states.push(founded);
    await this.log.bootstrap(CONFIGURATION);
    this.#acknowledge(founded);
  }

  /** A configuration for recovery after the loss of a majority. */
  async overrideConfiguration(): Promise<void> {
    const { last } = this;
    const text = configurationText(Math.max(1, last.term));
    const reached = { ...last, log: [...last.log, text] };
    this.#states.push(reached);
    await this.log.overrideConfiguration(CONFIGURATION);
    this.#acknowledge(reached);
  }

  #acknowledge(reached: State): void {
    const at = this.#states.indexOf(reached);
    if (at > 0) this.#states.splice(0, at);
  }

  #issue(operation: PersistOperation): void {
    const { last } = this;
    if (operation.kind === 'metadata') {
      this.#states.push({ ...last, term: operation.term, vote: operation.vote });
    } else if (operation.kind === 'append') {
      this.#states.push({ ...last, log: [...last.log, ...operation.entries.map(textOf)] });
    } else {
      for (let length = last.log.length - 1; length >= operation.from - 1; length--) {
        this.#states.push({ ...last, log: last.log.slice(0, length) });
      }
    }
  }

  info(index: number): SnapshotInfo {
    const text = this.last.log[index - 1] ?? '1/';
    const entryTerm = text === '*' ? this.last.term : Number(text.split('/')[0]);
    return {
      index: logIndex(index),
      term: term(entryTerm),
      configurationIndex: logIndex(1),
      configuration: CONFIGURATION,
    };
  }

  async snapshot(index: number, trailing: number): Promise<void> {
    this.#snapshots.push(index);
    const writer = await this.log.beginSnapshot(this.info(index), CONTENT.length, trailing);
    await writer.write(CONTENT);
    await writer.finish();
    this.#snapshots = [index];
  }

  /** The disk is full up to so many bytes while this runs. */
  async onFullDisk(freeBytes: number, run: () => Promise<void>): Promise<void> {
    this.#disk.setCapacity(this.#disk.usedBytes + freeBytes);
    try {
      await run();
    } finally {
      this.#disk.setCapacity(Number.POSITIVE_INFINITY);
    }
  }

  async install(info: SnapshotInfo): Promise<void> {
    this.#snapshots.push(info.index);
    const { last } = this;
    // The old log goes from its newest end, segment by segment, as in a truncation.
    for (let length = last.log.length - 1; length >= info.index; length--) {
      this.#states.push({ ...last, log: last.log.slice(0, length) });
    }
    const state = { ...last, log: Array<string>(info.index).fill('*') };
    this.#states.push(state);
    const writer = await this.log.beginInstall(info, CONTENT.length);
    await writer.write(CONTENT);
    await writer.finish();
    this.#states = [state];
    this.#snapshots = [info.index];
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.log.close();
  }

  /** The last operations were refused by a full disk: the log ends where it says, and what does not is not there. */
  refused(): void {
    const { lastIndex } = this.log;
    this.#states = this.#states.filter(({ log }) => log.length === lastIndex);
    expect(this.#states.length, `the log ends at ${lastIndex}`).toBeGreaterThan(0);
  }

  /** After a full disk that the log survived: nothing of what failed is there, and it goes on where it says it ends. */
  async goOn(): Promise<void> {
    this.refused();
    // A term that was refused may be there or not; afterwards it is known.
    await this.metadata(this.last.term + 1);
    await this.persist([8]);
  }

  /** What is found after a crash must be one of the possible states. */
  check(recovered: Recovered): void {
    expect(recovered.quarantineReason).toBeUndefined();
    const base = recovered.snapshot?.index ?? 0;
    expect(this.#snapshots).toContain(base);
    expect(recovered.firstIndex).toBeLessThanOrEqual(base + 1);
    const found = recovered.entries.map(textOf);
    const matches = this.#states.some((state) => {
      if (Math.max(base, state.log.length) !== recovered.lastIndex) return false;
      const behind = recovered.term > state.term;
      if (!behind && (state.term !== recovered.term || state.vote !== recovered.vote)) return false;
      return found.every((text, at) => {
        const index = recovered.firstIndex + at;
        return state.log[index - 1] === text || (index <= base && state.log[index - 1] === '*');
      });
    });
    if (!matches) {
      const { term: foundTerm, vote, firstIndex } = recovered;
      const states = this.#states.map(
        (state) => `term ${state.term} vote ${state.vote} ${state.log.join(' ')}`,
      );
      throw new QuorateError(
        'MISMATCH',
        `found term ${foundTerm} vote ${vote} from ${firstIndex} ${found.join(' ')}, snapshot ${base}; ` +
          `files ${this.#disk.names().join(' ')}; possible:\n${states.join('\n')}`,
      );
    }
  }
}
