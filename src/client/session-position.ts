import { type LogIndex, logIndex, QuorateError } from '../base/index.ts';

const TOKEN = /^1\.([0-9a-z]{1,11})(-?)$/;

/**
 * What a session has seen: the newest log index that it was told. Nodes that speak plain dqlite tell none; until a later linearizable
 * read was told one, the position is not known, and reads of the session must be linearizable (S15).
 */
export class Position {
  #index: LogIndex;
  /** Results without an index so far, and how many of them are covered by a read since. */
  #untold = 0;
  #covered = 0;

  constructor(index: LogIndex = logIndex(0), isKnown = true) {
    this.#index = index;
    if (!isKnown) this.#untold = 1;
  }

  get index(): LogIndex {
    return this.#index;
  }

  get isKnown(): boolean {
    return this.#untold === this.#covered;
  }

  /** Taken before a read begins; see `covered`. */
  get mark(): number {
    return this.#untold;
  }

  get token(): string {
    return `1.${this.#index.toString(36)}${this.isKnown ? '' : '-'}`;
  }

  /** A result came with this index; 0 = with none. */
  saw(index: LogIndex): void {
    if (index === 0) this.#untold++;
    else if (index > this.#index) this.#index = index;
  }

  /** A linearizable read that began at `mark` saw everything before it, up to `index`. */
  covered(mark: number, index: LogIndex): void {
    if (index > 0 && mark > this.#covered) this.#covered = mark;
  }
}

/** The position that a token stands for. Throws INVALID_TOKEN. */
export function parsePosition(token: string | undefined): Position {
  if (token === undefined) return new Position();
  const match = TOKEN.exec(token);
  const index = match === null ? Number.NaN : Number.parseInt(match[1], 36);
  if (!Number.isSafeInteger(index)) {
    throw new QuorateError('INVALID_TOKEN', 'not the token of a session');
  }
  return new Position(logIndex(index), match?.[2] === '');
}
