import { QuorateError } from '../base/index.ts';
import {
  hasBarrier,
  isApplied,
  isDue,
  type ManifestEntry,
  mayNotRegister,
  nextInLine,
  type Program,
  type SchemaState,
} from '../schema/index.ts';
import { checkBarrier, checkTasks, type Presence } from './schema-barrier.ts';
import { schemaFingerprint } from './schema-fingerprint.ts';
import type { SchemaStore } from './schema-store.ts';

/** Attempts after which a migration is not tried again by itself. */
export const ATTEMPTS_MAX = 3;

/** Key of the whole schema's fingerprint, in the controls without a namespace. */
export const FINGERPRINT = 'fingerprint';

/**
 * Whether a migration may run now (`attemptsMax`: so many attempts may have been noted before), on the version that the transaction sees; `applied` when it has been already. Throws: CHECKSUM_MISMATCH,
 * SCHEMA_DIVERGED, SCHEMA_TOO_NEW, SCHEMA_EPOCH_GAP, MIGRATION_OUT_OF_ORDER, MIGRATION_HELD, MIGRATION_STUCK, MIGRATION_BLOCKED,
 * UNSAFE_MIGRATION, DRIFT_DETECTED.
 */
export function readiness(
  store: SchemaStore,
  program: Program,
  entry: ManifestEntry,
  presence: Presence,
  recorded: string | undefined,
  attemptsMax = ATTEMPTS_MAX,
): 'applied' | 'ready' {
  const state = store.state();
  const unfit = mayNotRegister(program, state, store);
  if (unfit !== undefined) throw new QuorateError(unfit.code, unfit.message);
  if (isApplied(program, state, entry.name)) return 'applied';
  store.checkFormat();
  checkOrder(program, state, entry);
  checkControl(store, entry);
  const { attempts, error } = store.job(entry.name);
  if (attempts >= attemptsMax) {
    throw new QuorateError(
      'MIGRATION_STUCK',
      `${entry.name} failed ${attempts} times and is not tried again by itself, the last time: ${error}. Then: quorate migrate repair ${entry.name}`,
    );
  }
  checkBarrier(store, entry, presence);
  checkTasks(store, entry, presence);
  if (recorded !== undefined && recorded !== '' && recorded !== schemaFingerprint(store.sql)) {
    throw new QuorateError(
      'DRIFT_DETECTED',
      `somebody has changed the schema since the last migration, past the migrations: look at it with quorate migrate verify, ` +
        'then undo it, or accept it with quorate migrate accept-drift',
    );
  }
  return 'ready';
}

function checkOrder(program: Program, state: SchemaState, entry: ManifestEntry): void {
  const ordinal = program.ordinal(entry.name);
  if (ordinal !== undefined && nextInLine(program, state)?.name !== entry.name) {
    throw outOfOrder(
      entry,
      `it is number ${ordinal}, and the database is at version ${state.version}`,
    );
  }
  if (ordinal !== undefined || isDue(program, state, entry)) return;
  const missing = program.needed(entry).find((name) => !isApplied(program, state, name));
  throw outOfOrder(entry, `${missing ?? 'the snapshot'} comes first`);
}

function outOfOrder(entry: ManifestEntry, why: string): QuorateError {
  return new QuorateError('MIGRATION_OUT_OF_ORDER', `${entry.name} cannot be applied now: ${why}`);
}

function checkControl(store: SchemaStore, entry: ManifestEntry): void {
  const hold = store.control('hold');
  if (hold !== undefined) {
    throw new QuorateError(
      'MIGRATION_HELD',
      `migrations of '${store.namespace}' are held${hold === '' ? '' : ` (${hold})`}: quorate migrate release`,
    );
  }
  if (!hasBarrier(entry) || store.control('finalize-policy') !== 'manual') return;
  const finalized = store.control('finalized');
  if (finalized === entry.name || finalized === '*') return;
  throw new QuorateError(
    'MIGRATION_HELD',
    `${entry.name} waits for an operator, because it breaks older code: quorate migrate finalize ${entry.name}`,
  );
}
