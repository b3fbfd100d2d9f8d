import type { ManifestEntry } from '../../schema/index.ts';

/** A cell as SQLite gives it. */
export type Cell = string | number | bigint | Uint8Array | null;

/** What a database says about its migrations. */
export interface ViewState {
  readonly version: number;
  readonly floor: number;
  readonly chain: string;
  readonly fingerprint: string;
  readonly generation: number;
  readonly phase: string;
  /** Contracts that are applied: name → checksum. */
  readonly contracts: Readonly<Record<string, string>>;
}

export interface ViewMigration {
  readonly version: number;
  readonly name: string;
  readonly kind: string;
  readonly checksum: string;
  readonly chain: string;
  readonly run: string;
}

export interface ViewMember {
  readonly id: string;
  readonly kind: string;
  readonly manifest: string;
  readonly state: string;
  /** Differs at each start of a participant of the simulator. */
  readonly release: string;
}

export interface ViewJob {
  readonly name: string;
  readonly attempts: number;
  /** The cursor of a backfill. */
  readonly after: Cell;
}

/** Everything that rules about migrations speak of, as one entry of the log left it. */
export interface SchemaView {
  readonly index: number;
  readonly state: ViewState | undefined;
  readonly history: readonly ViewMigration[];
  readonly members: readonly ViewMember[];
  /** Digest → what the code knows. */
  readonly manifests: ReadonlyMap<string, readonly ManifestEntry[]>;
  readonly jobs: readonly ViewJob[];
  /** Policy for sessions that declare nothing. */
  readonly undeclared: string;
  /** Canonical text of all that is not the engine's own. */
  readonly schema: string;
  readonly fingerprint: string;
  /** Rows of each table. */
  readonly counts: ReadonlyMap<string, number>;
  readonly danglingReferences: number;
  /** Releases that wrote, in order. */
  readonly trail: readonly string[];
  /** Key → how often the backfill went over it; empty before there is anything to fill. */
  readonly touched: ReadonlyMap<number, number>;
  /** What the backfill has left. */
  readonly unfilled: number;
}

export const EMPTY_VIEW: SchemaView = {
  ...{ index: 0, state: undefined, history: [], members: [], manifests: new Map(), jobs: [] },
  ...{ undeclared: 'allow', schema: '', fingerprint: '', counts: new Map() },
  ...{ danglingReferences: 0, trail: [], touched: new Map(), unfilled: 0 },
};
