import { inLine, type ManifestEntry, type Program } from './manifest.ts';
import type { AppliedMigration, SchemaState } from './state.ts';

/** Why a program may not use a database, or not yet. */
export interface Unfit {
  readonly code:
    | 'SCHEMA_TOO_NEW'
    | 'SCHEMA_TOO_OLD'
    | 'SCHEMA_DIVERGED'
    | 'SCHEMA_EPOCH_GAP'
    | 'MIGRATION_OUT_OF_ORDER';
  readonly message: string;
  /** The migration that decides it. */
  readonly migration?: string | undefined;
}

/** What has been applied, as far as it is asked for. */
export interface History {
  /** The migration of the line that is in force with this ordinal. */
  at(version: number): AppliedMigration | undefined;
  /** A contract that is in force. */
  contract(name: string): AppliedMigration | undefined;
  /** Whatever was applied under a name. */
  named(name: string): AppliedMigration | undefined;
}

/**
 * Whether code that knows these migrations may use the database as it is (docs/migrations.md): histories agree, the code knows
 * everything that would break it, and nothing is missing that it needs. Undefined = it may.
 */
export function unfit(program: Program, state: SchemaState, history: History): Unfit | undefined {
  return (
    epochGap(program, state, history) ??
    diverged(program, state, history) ??
    tooNew(program, state, history) ??
    tooOld(program, state)
  );
}

/** As `unfit`, for a program that registers: what it needs may still be missing, it will wait or migrate. */
export function mayNotRegister(
  program: Program,
  state: SchemaState,
  history: History,
): Unfit | undefined {
  return (
    epochGap(program, state, history) ??
    diverged(program, state, history) ??
    tooNew(program, state, history)
  );
}

function epochGap(program: Program, state: SchemaState, history: History): Unfit | undefined {
  if (state.version === 0 || program.base === 0) return undefined;
  if (state.version >= program.base) return openContract(program, state);
  const last = history.at(state.version);
  return {
    code: 'SCHEMA_EPOCH_GAP',
    migration: last?.name,
    message:
      `the database is at version ${state.version}${last === undefined ? '' : ` (${last.name}, applied ${origin(last)})`}, ` +
      `and this build can only start from version ${program.base} on: deploy ${inBetween(program)} first`,
  };
}

/** A contract that the program knows only as done. */
function openContract(program: Program, state: SchemaState): Unfit | undefined {
  const { contracts = {} } = program.manifest.base ?? {};
  const open = Object.keys(contracts).find((name) => !Object.hasOwn(state.contracts, name));
  if (open === undefined) return undefined;
  return {
    code: 'SCHEMA_EPOCH_GAP',
    migration: open,
    message:
      `${open} is not applied yet, and this build no longer has it: it starts from a history in which it is done. ` +
      `Deploy ${inBetween(program)}, and wait until it has applied it (quorate migrate wait)`,
  };
}

/** The release that leads from an older state to where the program starts. */
function inBetween({ manifest: { base } }: Program): string {
  return base?.release === undefined ? 'a release in between' : `release ${base.release}`;
}

function diverged(program: Program, state: SchemaState, history: History): Unfit | undefined {
  const common = Math.min(state.version, program.max);
  if (common < program.base) return undefined;
  const chain = common === state.version ? state.chain : history.at(common)?.chain;
  // Where a history begins with a snapshot, nothing is known of what was before; its number is the floor.
  if (common > 0 && chain !== undefined && program.chain(common) !== chain)
    return firstDifference(program, common, history);
  for (const [name, checksum] of Object.entries(state.contracts)) {
    const own = program.contract(name);
    if (own !== undefined && own !== checksum)
      return different({ name, checksum: own }, checksum, history.contract(name));
  }
  return undefined;
}

function firstDifference(program: Program, common: number, history: History): Unfit {
  for (let version = program.base + 1; version <= common; version++) {
    const own = program.at(version);
    const applied = history.at(version);
    if (own === undefined || applied === undefined) continue;
    if (own.name !== applied.name) {
      const inserted = history.named(own.name) === undefined;
      const later = program.ordinal(applied.name) ?? 0;
      if (inserted && later > version) return insertedBefore(own, applied);
      return {
        code: 'SCHEMA_DIVERGED',
        migration: applied.name,
        message:
          `migration ${version} is ${own.name} in this build and ${applied.name} in the database, ` +
          `applied ${origin(applied)}: two histories cannot be joined`,
      };
    }
    if (own.checksum !== applied.checksum) return different(own, applied.checksum, applied);
  }
  return {
    code: 'SCHEMA_DIVERGED',
    message: `the database and this build have different histories up to version ${program.base}`,
  };
}

function different(
  own: Pick<ManifestEntry, 'name' | 'checksum'>,
  checksum: string,
  applied: AppliedMigration | undefined,
): Unfit {
  return {
    code: 'SCHEMA_DIVERGED',
    migration: own.name,
    message:
      `${own.name} was changed after it was applied${applied === undefined ? '' : ` ${origin(applied)}`}: ` +
      `its checksum is ${own.checksum} in this build and ${checksum} in the database. Put back the text that was applied; or, if the new one makes the same, ` +
      `and all builds bring it: quorate migrate rerecord ${own.name}=${own.checksum}`,
  };
}

/** As a branch does that was merged late: it would never be applied. */
function insertedBefore(own: ManifestEntry, applied: AppliedMigration): Unfit {
  return {
    code: 'MIGRATION_OUT_OF_ORDER',
    migration: own.name,
    message:
      `${own.name} stands before ${applied.name}, which was applied ${origin(applied)} without it: ` +
      'migrations are only added at the end, so move it behind all that are applied',
  };
}

function tooNew(program: Program, state: SchemaState, history: History): Unfit | undefined {
  if (state.floor > program.max) {
    return tooNewBecause(program, `migration ${state.floor}`, history.at(state.floor));
  }
  for (const name of Object.keys(state.contracts)) {
    if (program.contract(name) === undefined) {
      return tooNewBecause(program, `contract ${name}`, history.contract(name));
    }
  }
  return undefined;
}

function tooNewBecause(
  program: Program,
  what: string,
  applied: AppliedMigration | undefined,
): Unfit {
  const release = applied?.release || 'the one that applied it';
  return {
    code: 'SCHEMA_TOO_NEW',
    migration: applied?.name,
    message:
      `${applied === undefined ? what : applied.name} was applied ${applied === undefined ? '' : `${origin(applied)} `}` +
      `and breaks this build, which knows migrations up to ${program.max}: deploy release ${release} or newer`,
  };
}

function tooOld(program: Program, state: SchemaState): Unfit | undefined {
  if (state.version >= program.min) return undefined;
  const missing = state.version < program.base ? program.snapshot : program.at(state.version + 1);
  return {
    code: 'SCHEMA_TOO_OLD',
    migration: missing?.name,
    message:
      `the database is at version ${state.version}, this build needs version ${program.min}` +
      (missing !== undefined
        ? `: ${missing.name} is to be applied next`
        : `: it starts from version ${program.base} on and has nothing that makes it; deploy a release in between first`),
  };
}

/** Who, when and with which release. */
function origin({ by, release, finishedMs }: AppliedMigration): string {
  const time = finishedMs > 0 ? `at ${new Date(finishedMs).toISOString()} ` : '';
  return `${time}by ${by || 'somebody'}${release === '' ? '' : ` of release ${release}`}`;
}

/** Migrations of a program that could come next, in its order; barriers and holds are not looked at. */
export function pending(program: Program, state: SchemaState): readonly ManifestEntry[] {
  const next = nextInLine(program, state);
  const floating = program.manifest.entries.filter(
    (entry) =>
      !inLine(entry) && !Object.hasOwn(state.contracts, entry.name) && isDue(program, state, entry),
  );
  return next === undefined ? floating : [...floating, next];
}

/** Whether everything is applied that comes before a contract. */
export function isDue(program: Program, state: SchemaState, contract: ManifestEntry): boolean {
  const { after } = contract;
  // A snapshot comes before everything.
  if (state.version < program.base) return false;
  if (after === undefined) return program.lineBefore(contract) <= state.version;
  return after.every((name) => isApplied(program, state, name));
}

/** The migration of the line that could come next; in an empty database a snapshot stands for all that a program no longer carries. */
export function nextInLine(program: Program, state: SchemaState): ManifestEntry | undefined {
  return state.version === 0 && program.base > 0 ? program.snapshot : program.at(state.version + 1);
}

/** Whether a migration of the program is applied; the histories agree. */
export function isApplied(program: Program, state: SchemaState, name: string): boolean {
  const ordinal = program.ordinal(name);
  return ordinal === undefined ? Object.hasOwn(state.contracts, name) : ordinal <= state.version;
}

/** Whether older code must be gone before this migration. */
export function hasBarrier(entry: ManifestEntry): boolean {
  return entry.kind === 'contract' || entry.kind === 'breaking';
}

/** Whether code of another manifest knows the migration, and so survives it. */
export function survives(program: Program, entry: ManifestEntry): boolean {
  return program.entry(entry.name)?.checksum === entry.checksum;
}
