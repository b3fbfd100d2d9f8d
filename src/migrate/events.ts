import type { QuorateError } from '../base/index.ts';

/** What happens to the schema, for logs, metrics and screens. */
export type SchemaEvent =
  | { readonly kind: 'registered'; readonly namespace: string; readonly version: number }
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
  | { readonly kind: 'refused'; readonly error: QuorateError };
