import { DiskError, QuorateError } from '../base/index.ts';

const REPLACE_ADVICE =
  'Nothing was changed. Restore this directory from a backup, or remove the node from the cluster ' +
  'and let it join again under a new id with an empty directory';

/** Where damage was found. */
export interface DamagePlace {
  /** Path of the data directory. */
  readonly directory: string;
  readonly file: string;
  /** Byte offset in the file. */
  readonly offset?: number;
}

/** LOG_DAMAGED: bytes on disk are not what was written, and no crash explains it. */
export function logDamaged(place: DamagePlace, what: string, affected: string): QuorateError {
  const at = place.offset === undefined ? '' : ` at byte ${place.offset}`;
  return new QuorateError(
    'LOG_DAMAGED',
    `${place.directory}/${place.file} is damaged${at}: ${what}. Affected: ${affected}. ${REPLACE_ADVICE}.`,
  );
}

/** FORMAT_UNSUPPORTED: written by a version that this one does not know. */
export function formatUnsupported(place: DamagePlace, what: string): QuorateError {
  return new QuorateError(
    'FORMAT_UNSUPPORTED',
    `${place.directory}/${place.file} cannot be read: ${what}. It was written by a newer version; ` +
      'nothing was changed. Start that version on this directory.',
  );
}

/**
 * The error that users see for a failed disk operation: DISK_FULL (retryable), DIRECTORY_LOCKED or
 * DISK_FAILED. Other errors, such as broken assertions, are returned as they are.
 */
export function diskFailure(error: unknown, doing: string): unknown {
  if (!(error instanceof DiskError)) return error;
  if (isFull(error)) {
    return new QuorateError('DISK_FULL', `the disk is full while ${doing}: ${error.message}`, {
      retryable: true,
      cause: error,
    });
  }
  if (error.code === 'ELOCKED') {
    return new QuorateError('DIRECTORY_LOCKED', error.message, { cause: error });
  }
  return new QuorateError('DISK_FAILED', `the disk failed while ${doing}: ${error.message}`, {
    cause: error,
  });
}

/** The file system has no space, or the user's share of it is used up. */
export function isFull(error: unknown): boolean {
  if (error instanceof DiskError) return error.code === 'ENOSPC' || error.code === 'EDQUOT';
  return error instanceof QuorateError && error.code === 'DISK_FULL';
}

/**
 * Waits for a sync that must not be tried again: when it fails for lack of space, too, what it should have written may be lost.
 * A full disk then counts as a failed one.
 */
export async function neverFull(syncing: Promise<void>): Promise<void> {
  try {
    await syncing;
  } catch (error) {
    if (!(error instanceof DiskError && isFull(error))) throw error;
    throw new DiskError('EIO', `what was written may be lost: ${error.message}`, error);
  }
}
