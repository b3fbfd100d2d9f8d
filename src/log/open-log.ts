import {
  type Disk,
  type Entry,
  type Logger,
  type LogIndex,
  logIndex,
  type NodeId,
  silent,
  type Term,
  term,
} from '../base/index.ts';
import type { SnapshotInfo } from '../raft/index.ts';
import { applyCleanup } from './apply-cleanup.ts';
import { CountingDisk } from './counting-disk.ts';
import { DurableLog } from './durable-log.ts';
import { diskFailure } from './errors.ts';
import { type LoadedDirectory, loadDirectory } from './load-directory.ts';
import type { SnapshotSink } from './snapshot-reader.ts';

/** Size of a segment file, unless one batch needs more (disk-format.md §4.1). */
export const SEGMENT_BYTES = 8 * 1024 * 1024;

export interface LogOptions {
  /** Smaller segments for tests and simulations. A multiple of 512. */
  readonly segmentBytes?: number;
  /** What was read of the directory already; it must have been locked since. */
  readonly found?: FoundLog | undefined;
  /** Otherwise gets the content of the snapshot to start from while the directory is read. */
  readonly sink?: SnapshotSink | undefined;
  /** Hears what a start found: cut writes, unusable snapshots, quarantine. */
  readonly log?: Logger;
}

/** What a data directory held. */
export interface Recovered {
  /** At least the term of the last entry, also when the metadata files are gone. */
  readonly term: Term;
  readonly vote: NodeId;
  /** The snapshot to restore; `LogOptions.sink` got its content. */
  readonly snapshot: SnapshotInfo | undefined;
  /** Index of the first element of `entries`; it may lie at or before the snapshot. */
  readonly firstIndex: LogIndex;
  /** Index of the last entry, or of the snapshot, or 0. */
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly entries: readonly Entry[];
  /** This node may have lost a vote or an entry that it acknowledged: it must neither vote nor acknowledge. */
  readonly quarantined: boolean;
  readonly quarantineReason: string | undefined;
  /** What an operator should know about this start. */
  readonly notes: readonly string[];
}

/** A directory that was read, and not changed yet. */
export interface FoundLog {
  readonly recovered: Recovered;
  /** For `openLog`, which then does not read everything again. */
  readonly loaded: LoadedDirectory;
}

/**
 * Opens a data directory for one node: takes the lock, reads everything, cleans up what a crash left.
 * Damage that no crash explains is never skipped, and nothing is changed then.
 * Throws DIRECTORY_LOCKED, LOG_DAMAGED, FORMAT_UNSUPPORTED, DISK_FULL, DISK_FAILED.
 */
export async function openLog(
  disk: Disk,
  options: LogOptions = {},
): Promise<{ readonly log: DurableLog; readonly recovered: Recovered }> {
  const counting = new CountingDisk(disk);
  const lock = await disk.lock().catch((error: unknown) => {
    throw diskFailure(error, 'locking the data directory');
  });
  try {
    const { loaded, recovered } = options.found ?? (await findLog(counting, options.sink));
    await applyCleanup(counting, loaded.cleanup);
    for (const note of loaded.notes) {
      (options.log ?? silent)('warn', note, { directory: disk.path });
    }
    const log = new DurableLog(counting, lock, loaded, options.segmentBytes ?? SEGMENT_BYTES);
    // A term that only the log shows must not depend on the entry that shows it.
    if (recovered.term > loaded.metadata.term) {
      await log.persist([{ kind: 'metadata', term: recovered.term, vote: recovered.vote }]);
    } else if (!recovered.quarantined) {
      await log.rememberVote();
    }
    log.start();
    return { log, recovered };
  } catch (error) {
    await lock.release();
    throw diskFailure(error, 'opening the log');
  }
}

/** Reads a data directory without changing anything and without its lock: the node must not be running. */
export async function describeDirectory(disk: Disk): Promise<Recovered> {
  return (await findLog(disk)).recovered;
}

/** The same, so that `openLog` can go on from there: between the two only the holder of the lock may come near the directory. */
export async function findLog(disk: Disk, sink?: SnapshotSink): Promise<FoundLog> {
  try {
    const loaded = await loadDirectory(disk, sink);
    return { loaded, recovered: recoveredFrom(loaded) };
  } catch (error) {
    throw diskFailure(error, 'reading the log');
  }
}

function recoveredFrom(loaded: LoadedDirectory): Recovered {
  const { metadata, snapshot, lastTerm } = loaded;
  // A log without metadata is legal (disk-format.md §11); its terms have passed nevertheless.
  const behind = metadata.term < lastTerm;
  return {
    term: behind ? term(lastTerm) : metadata.term,
    vote: behind ? 0n : metadata.vote,
    snapshot: snapshot === undefined ? undefined : withoutFile(snapshot),
    firstIndex: logIndex(loaded.firstIndex),
    lastIndex: logIndex(loaded.lastIndex),
    lastTerm: term(lastTerm),
    entries: loaded.entries,
    quarantined: loaded.doubt !== undefined,
    quarantineReason: loaded.doubt,
    notes: loaded.notes,
  };
}

function withoutFile(snapshot: SnapshotInfo): SnapshotInfo {
  const { index, term: snapshotTerm, configurationIndex, configuration } = snapshot;
  return { index, term: snapshotTerm, configurationIndex, configuration };
}
