import { EMPTY_CHAIN, type MigrationKind } from './manifest.ts';

/** What a database knows of one namespace. */
export interface SchemaState {
  readonly namespace: string;
  /** Migrations of the line that are applied. */
  readonly version: number;
  /** Ordinal of the newest `breaking` migration that is applied, 0 = none: who knows less must not touch the database. */
  readonly floor: number;
  readonly chain: string;
  /** SHA-256 of the schema after the last migration; '' = not recorded. */
  readonly fingerprint: string;
  /** Counts every change of this row. */
  readonly generation: number;
  readonly phase: Phase;
  /** Contracts that are applied: name → checksum. */
  readonly contracts: Readonly<Record<string, string>>;
}

/** `failed`: one migration failed too often and is not tried again by itself. */
export type Phase = 'idle' | 'backfill' | 'held' | 'failed';

/** The state of a namespace that no program has migrated yet. */
export function emptyState(namespace: string): SchemaState {
  const nothing = { version: 0, floor: 0, chain: EMPTY_CHAIN, fingerprint: '', generation: 0 };
  return { namespace, ...nothing, phase: 'idle', contracts: {} };
}

/** A migration that was applied. */
export interface AppliedMigration {
  readonly sequence: number;
  /** Ordinal; 0 for a contract. */
  readonly version: number;
  readonly name: string;
  readonly kind: MigrationKind;
  readonly checksum: string;
  readonly chain: string;
  readonly by: string;
  readonly release: string;
  readonly finishedMs: number;
}

/** Whether a participant counts at the barrier. */
export type MemberState = 'active' | 'draining' | 'excluded';

/** Somebody who uses the database and has said with what code. */
export interface Participant {
  readonly id: string;
  readonly kind: 'node' | 'client';
  /** Differs at each start. */
  readonly boot: string;
  readonly state: MemberState;
  readonly release: string;
  /** Digest of its manifest of the namespace. */
  readonly manifest: string;
  readonly seenMs: number;
}
