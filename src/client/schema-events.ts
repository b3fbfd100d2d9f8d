import type { QuorateError } from '../base/index.ts';

/** What happens to the schema, for logs, metrics and screens. */
export type SchemaEvent =
  | {
      readonly kind: 'registered';
      readonly namespace: string;
      readonly version: number;
      /** Counts every change of the schema's state. */
      readonly generation: number;
    }
  /** The program may use the database. */
  | { readonly kind: 'serving'; readonly namespace: string; readonly version: number }
  /** It may not yet, or not any more; `reason` says what would help. */
  | {
      readonly kind: 'waiting';
      readonly namespace: string;
      readonly code: string;
      readonly reason: string;
    }
  | { readonly kind: 'started'; readonly namespace: string; readonly name: string }
  | {
      readonly kind: 'batch';
      readonly namespace: string;
      readonly name: string;
      readonly done: number;
    }
  | {
      readonly kind: 'committed';
      readonly namespace: string;
      readonly name: string;
      readonly version: number;
      readonly pages: number;
      readonly ms: number;
    }
  /** Somebody else has applied it meanwhile. */
  | { readonly kind: 'superseded'; readonly namespace: string; readonly name: string }
  /** Older code, a hold or an order is in the way; it is tried again. */
  | {
      readonly kind: 'blocked';
      readonly namespace: string;
      readonly name: string;
      readonly error: QuorateError;
    }
  | {
      readonly kind: 'failed';
      readonly namespace: string;
      readonly name: string;
      readonly error: QuorateError;
    }
  /** This program does not fit the database, and waiting does not help. */
  | { readonly kind: 'refused'; readonly error: QuorateError }
  /** It served, and something was applied since that breaks its code. */
  | { readonly kind: 'fenced'; readonly error: QuorateError }
  /** Older code has been in the way for longer than `policy.lagging` says. */
  | {
      readonly kind: 'lagging';
      readonly namespace: string;
      readonly name: string;
      readonly participant: string;
      readonly release: string;
      readonly waitedMs: number;
    }
  /** Older code is in the way on a node that has been silent for longer than `policy.absent` says. */
  | {
      readonly kind: 'absent';
      readonly namespace: string;
      readonly name: string;
      readonly participant: string;
      readonly release: string;
      readonly silentMs: number;
    }
  /** `policy.lagging` or `policy.absent` has excluded it. */
  | { readonly kind: 'excluded'; readonly namespace: string; readonly participant: string }
  /** A task was done here; with an error it was not, and is tried again. */
  | {
      readonly kind: 'task';
      readonly namespace: string;
      readonly name: string;
      readonly error?: QuorateError;
    }
  /**
   * A hook has run; with an error it failed, which undoes nothing, and is run again. 'listener': a listener of these events, or of `database.on`, has
   * thrown.
   */
  | {
      readonly kind: 'hook';
      readonly hook: 'beforeAll' | 'afterAll' | 'before' | 'after' | 'onReady' | 'listener';
      /** The migration, of `before` and `after`; '' otherwise. */
      readonly name: string;
      readonly error?: QuorateError;
    }
  /** After `failed`: the schema was changed past the migrations. */
  | {
      readonly kind: 'drift';
      readonly namespace: string;
      readonly name: string;
      readonly error: QuorateError;
    }
  /** After `failed`: it is not tried again by itself. */
  | {
      readonly kind: 'stuck';
      readonly namespace: string;
      readonly name: string;
      readonly error: QuorateError;
    };
