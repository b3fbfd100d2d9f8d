/** A participant as the tables know it. */
export interface ParticipantStatus {
  readonly id: string;
  readonly kind: string;
  readonly release: string;
  readonly state: string;
  /** Version up to which its code knows the migrations. */
  readonly knows: number;
  /** When it registered, in ms since 1970. */
  readonly sinceMs: number;
}

/** A task that is not done everywhere. */
export interface OpenTask {
  readonly name: string;
  /** On which nodes; empty when it is to be done once for all. */
  readonly nodes: readonly string[];
}

/** A migration that comes next, as far as anybody who has registered knows. */
export interface PendingStatus {
  readonly name: string;
  readonly kind: string;
  /** Ids of active participants whose code does not know it and would break. */
  readonly blockedBy: readonly string[];
  /** Tasks that come first and are not done; absent = none. */
  readonly openTasks?: readonly OpenTask[] | undefined;
  readonly attempts: number;
  /** What the last attempt failed with. */
  readonly error: string;
  /** Of a backfill: rows done in this pass. */
  readonly done: number;
}

export interface AppliedStatus {
  readonly name: string;
  readonly kind: string;
  readonly version: number;
  readonly by: string;
  readonly release: string;
  readonly finishedMs: number;
  readonly pages: number;
}

/** Everything about one namespace. */
export interface NamespaceStatus {
  readonly namespace: string;
  readonly version: number;
  readonly floor: number;
  readonly phase: string;
  readonly participants: readonly ParticipantStatus[];
  readonly pending: readonly PendingStatus[];
  /** The newest first. */
  readonly applied: readonly AppliedStatus[];
  /** hold, finalize-policy, finalized, override-fence. */
  readonly controls: Readonly<Record<string, string>>;
}

/** What a migration waits for. */
export type Obstacle =
  /** Participants whose code would not survive it. */
  | 'older-code'
  /** A task that is not done everywhere. */
  | 'task'
  /** Somebody who looks at what was changed past the migrations. */
  | 'drift'
  /** An operator who holds all migrations. */
  | 'hold'
  /** An operator who says that it may break older code. */
  | 'finalize'
  /** Somebody who finds out why it fails. */
  | 'repair';

/** One reason why a migration does not begin, with what would end it. */
export interface Wait {
  readonly namespace: string;
  readonly migration: string;
  readonly obstacle: Obstacle;
  /** Who is waited for; empty when it is an operator. */
  readonly participants: readonly ParticipantStatus[];
  /** In words. */
  readonly why: string;
  /** Arguments of `quorate migrate` that would resolve it, any order. */
  readonly commands: readonly (readonly string[])[];
}

/** What was looked at. */
export type FindingKind =
  | 'history'
  | 'migrations'
  | 'drift'
  | 'foreign-keys'
  | 'integrity'
  | 'failed'
  | 'tasks'
  | 'nodes';

/** One result of a verification. */
export interface Finding {
  readonly check: FindingKind;
  readonly ok: boolean;
  /** A namespace or a node; '' for the whole database. */
  readonly subject: string;
  readonly text: string;
  /** Arguments of `quorate migrate` that would help. */
  readonly commands: readonly (readonly string[])[];
}
