import { AssertionError } from '../base/index.ts';

/** A broken promise, named as in docs/invariants.md. */
export class Violation extends AssertionError {
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}
