import {
  assert,
  type Configuration,
  type Entry,
  type LogIndex,
  logIndex,
  type Term,
} from '../base/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';

interface Run {
  readonly first: LogIndex;
  readonly term: Term;
}

interface Configured {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/** Terms and configurations of committed entries since the last snapshot: what the next snapshot's header says. */
export class History {
  #runs: Run[] = [];
  #configurations: Configured[] = [];
  #last: LogIndex = logIndex(0);

  constructor(snapshot: SnapshotInfo | undefined) {
    if (snapshot !== undefined) this.restart(snapshot);
  }

  /** Everything up to the snapshot is forgotten but its own header. */
  restart(snapshot: SnapshotInfo): void {
    this.#runs = [{ first: snapshot.index, term: snapshot.term }];
    this.#configurations = [
      { index: snapshot.configurationIndex, configuration: snapshot.configuration },
    ];
    this.#last = snapshot.index;
  }

  note(index: LogIndex, entry: Entry, decode: (data: Uint8Array) => Configuration): void {
    assert(index > this.#last, 'committed entries go back');
    this.#last = index;
    const run = this.#runs.at(-1);
    assert(run === undefined || run.term <= entry.term, 'terms fall along the log');
    if (run?.term !== entry.term) this.#runs.push({ first: index, term: entry.term });
    if (entry.type === 'configuration') {
      this.#configurations.push({ index, configuration: decode(entry.data) });
    }
  }

  /** The header of a snapshot of the state at `index`; undefined when that lies before what is remembered. */
  at(index: LogIndex): SnapshotInfo | undefined {
    const run = this.#runs.findLast(({ first }) => first <= index);
    const configured = this.#configurations.findLast((one) => one.index <= index);
    if (run === undefined || configured === undefined || index > this.#last) return undefined;
    return {
      index,
      term: run.term,
      configurationIndex: configured.index,
      configuration: configured.configuration,
    };
  }

  /** A snapshot at `index` is on disk: nothing older will be asked for. */
  forgetBefore(index: LogIndex): void {
    const run = this.#runs.findLastIndex(({ first }) => first <= index);
    if (run > 0) this.#runs.splice(0, run);
    const configured = this.#configurations.findLastIndex((one) => one.index <= index);
    if (configured > 0) this.#configurations.splice(0, configured);
  }
}
