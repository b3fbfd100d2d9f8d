/** A pending call made by `Clock.after`. */
export interface Timer {
  cancel(): void;
}

/** Time as everything outside `net` sees it. */
export interface Clock {
  /** Monotonic milliseconds, with a fraction; the origin has no meaning. */
  now(): number;
  /** Wall-clock milliseconds since 1970, for what users see only. */
  wallMs(): number;
  /** Calls `run` once, not earlier than `delayMs` from now, unless cancelled. */
  after(delayMs: number, run: () => void): Timer;
}
