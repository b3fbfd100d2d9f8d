import { logIndex, QuorateError } from '../base/index.ts';
import type { LocalPages, LocalResult, LocalView } from '../client/index.ts';
import type { ReaderDirectory } from '../machine/index.ts';
import { type Freshness, type FreshnessWord, nowMs } from './freshness-word.ts';
import { LocalRun } from './local-run.ts';
import { type Pin, Pins, TurnPin } from './pins.ts';

export interface NodePagesOptions {
  /** Called at the first read. */
  readonly directory: () => ReaderDirectory;
  readonly freshness: FreshnessWord;
  /** SQLite; called at the first read. */
  readonly module: () => WebAssembly.Module;
  /** Longest run of one statement, in ms. */
  readonly statementMs: number;
  /** Memory of SQLite above which its instance is replaced between reads (S8). */
  readonly engineBytes: number;
}

/** The published pages of the node in this process, read on the caller's thread with an instance of SQLite of its own. */
export class NodePages implements LocalPages {
  readonly #freshness: FreshnessWord;
  readonly #pins: Pins;
  readonly #turn: TurnPin;
  #view: TurnView | undefined;
  #closed = false;

  constructor(options: NodePagesOptions) {
    this.#freshness = options.freshness;
    this.#pins = new Pins({ ...options, run: new LocalRun(options.statementMs) });
    this.#turn = new TurnPin(this.#pins);
  }

  open(database: string, mode: 'statement' | 'snapshot', declaration: string): LocalView {
    if (this.#closed) throw new QuorateError('CLOSED', 'the node is closed');
    // Before the look at the version: the one that is pinned, or still the newest then, is at least as new as this says.
    const freshness = this.#freshness.read();
    if (mode === 'snapshot') {
      return new SnapshotView(this.#pins.take(database, declaration), freshness, this.#freshness);
    }
    const pin = this.#turn.take(database, declaration);
    if (this.#view?.pin === pin) this.#view.freshness = freshness;
    else this.#view = new TurnView(pin, freshness, this.#freshness);
    return this.#view;
  }

  close(): void {
    this.#closed = true;
    this.#turn.letGo();
    this.#pins.close();
  }
}

/** Stays for the next statement of the turn when one is done with it. */
class TurnView implements LocalView {
  readonly pin: Pin;
  /** Read before the version was last known to be the newest. */
  freshness: Freshness;
  readonly #word: FreshnessWord;
  readonly #index: number;

  constructor(pin: Pin, freshness: Freshness, word: FreshnessWord) {
    this.pin = pin;
    this.freshness = freshness;
    this.#word = word;
    this.#index = pin.index;
  }

  get state() {
    const { applied, freshAtMs } = this.freshness;
    return {
      index: logIndex(this.#index),
      ageMs: Math.max(0, nowMs() - freshAtMs),
      lag: Math.max(0, this.#word.read().commit - applied),
    };
  }

  query(...[sql, parameters, bigints, rowsMax]: Parameters<LocalView['query']>): LocalResult {
    const { run, lease } = this.pin;
    return run.query(lease.connection, { sql, parameters, bigints, rowsMax });
  }

  close(): void {}
}

class SnapshotView extends TurnView {
  override close(): void {
    this.pin.release();
  }
}
