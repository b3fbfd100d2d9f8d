/** Fate of a write as far as it is known. */
export type Outcome = 'committed' | 'rolled-back' | 'unknown';

export interface QuorateErrorOptions {
  readonly retryable?: boolean | undefined;
  readonly outcome?: Outcome | undefined;
  /** Address of the leader, when known. */
  readonly leader?: string | undefined;
  /** SQLite: name of the extended result code. */
  readonly extendedCode?: string | undefined;
  /** SQLite: the extended result code as a number. */
  readonly rawCode?: number | undefined;
  /** SQLite: byte offset of the error in the statement. */
  readonly offset?: number | undefined;
  /** Index of the failing statement in a batch or a multi-statement text. */
  readonly statementIndex?: number | undefined;
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for('quorate.error');

/** Every error that Quorate reports to its users. `code` is stable and documented in docs/errors.md. */
export class QuorateError extends Error {
  override readonly name = 'QuorateError';
  readonly code: string;
  /** True when the same call may succeed later and repeating it cannot apply a write twice. */
  readonly retryable: boolean;
  readonly outcome: Outcome | undefined;
  readonly leader: string | undefined;
  readonly extendedCode: string | undefined;
  readonly rawCode: number | undefined;
  readonly offset: number | undefined;
  readonly statementIndex: number | undefined;
  readonly [BRAND] = true;

  constructor(code: string, message: string, options: QuorateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.outcome = options.outcome;
    this.leader = options.leader;
    this.extendedCode = options.extendedCode;
    this.rawCode = options.rawCode;
    this.offset = options.offset;
    this.statementIndex = options.statementIndex;
  }

  /** Holds across several copies of the package in one process; of a subclass only its own instances. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return false;
    // biome-ignore lint/complexity/noThisInStatic: a subclass asks for its own instances
    if (this === QuorateError) return BRAND in value;
    // biome-ignore lint/complexity/noThisInStatic: as above
    return Object.prototype.isPrototypeOf.call(this.prototype, value);
  }
}
