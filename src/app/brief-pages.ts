import { type LogIndex, logIndex } from '../base/index.ts';
import type { LocalQuery, LocalResult } from '../client/index.ts';
import { BRIEF, BRIEF_FUNCTIONS, BRIEF_LIMITS, type ReaderDirectory } from '../machine/index.ts';
import { LocalRun } from './local-run.ts';
import { Pins, TurnPin } from './pins.ts';

export interface BriefPagesOptions {
  readonly directory: () => ReaderDirectory;
  readonly module: () => WebAssembly.Module;
  readonly engineBytes: number;
}

/** Queries on the caller's thread that are over in a moment, under the budget of a brief reader (room machine); it declines all else. */
export class BriefPages {
  readonly #pins: Pins;
  readonly #turn: TurnPin;

  constructor(options: BriefPagesOptions) {
    this.#pins = new Pins({
      ...options,
      run: new LocalRun(0, BRIEF),
      strictness: { functions: BRIEF_FUNCTIONS },
      engineLimits: BRIEF_LIMITS,
    });
    this.#turn = new TurnPin(this.#pins);
  }

  /** Reads the newest published version. Throws whatever the reason to decline is. */
  read(
    database: string,
    declaration: string,
    query: LocalQuery,
  ): LocalResult & { readonly index: LogIndex } {
    const pin = this.#turn.take(database, declaration);
    const result = pin.run.query(pin.lease.connection, query);
    return { ...result, index: logIndex(pin.index) };
  }

  close(): void {
    this.#turn.letGo();
    this.#pins.close();
  }
}
