import { assert, type Disk, DiskError, type DiskFile } from '../base/index.ts';
import { diskFailure, isFull } from './errors.ts';
import { openSegmentName } from './file-names.ts';

/** Segments prepared beyond the one being written: the next one, and a spare for a full disk (S10). */
const PREPARED = 2;

/** Why there is no segment while a snapshot gets the room. */
const HELD = new DiskError('ENOSPC', 'a snapshot needs the room of the log segments');

/** A segment that is allocated and empty. */
export interface PreparedSegment {
  readonly name: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
}

/**
 * Prepares open segments ahead in the background, so that a write never waits for an allocation and never
 * finds the disk full halfway.
 */
export class SegmentPool {
  readonly #disk: Disk;
  readonly #segmentBytes: number;
  readonly #ready: PreparedSegment[] = [];
  #counter = 0;
  /** The preparation that is under way; never rejects. */
  #preparing: Promise<void> | undefined;
  #failure: unknown;
  #closed = false;
  #held = false;

  constructor(disk: Disk, segmentBytes: number) {
    this.#disk = disk;
    this.#segmentBytes = segmentBytes;
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  /** Starts preparing what is missing; does not wait. */
  refill(): void {
    if (this.#closed || this.#held) return;
    if (this.#preparing !== undefined || this.#ready.length >= PREPARED) return;
    this.#preparing = this.#prepare().then(
      (segment) => {
        this.#preparing = undefined;
        this.#failure = undefined;
        this.#ready.push(segment);
        this.refill();
      },
      (error: unknown) => {
        this.#preparing = undefined;
        this.#failure = error;
      },
    );
  }

  /**
   * The next segment. When the disk is full, ordinary entries are refused (DISK_FULL) and only `critical`
   * ones get the spare: a leader must still be able to end its term in order (S10).
   */
  async take(critical: boolean): Promise<PreparedSegment> {
    for (let attempt = 0; ; attempt++) {
      const failed = this.#held || this.#failure !== undefined;
      const free = !failed || this.#ready.length >= PREPARED || critical;
      const segment = free ? this.#ready.shift() : undefined;
      if (segment !== undefined) {
        this.refill();
        return segment;
      }
      // One fresh attempt: space may have come back since the last failure.
      const failure = this.#held ? HELD : this.#failure;
      if (attempt > 0 && failure !== undefined) {
        throw diskFailure(failure, 'preparing a log segment');
      }
      this.refill();
      await this.#preparing;
      assert(attempt < 4, 'preparing segments makes no progress');
    }
  }

  /** Gives back a segment that was taken and not written to. */
  giveBack(segment: PreparedSegment): void {
    this.#ready.unshift(segment);
  }

  /** Removes the spare segments to make room for something that frees more. True if there was one. */
  async release(): Promise<boolean> {
    await this.#preparing;
    const segments = this.#ready.splice(0);
    for (const segment of segments) await this.#discard(segment);
    return segments.length > 0;
  }

  /** As `release`, and prepares no others until `resume`: the room is meant for something else. */
  async hold(): Promise<boolean> {
    // Not as a failure: a preparation that is under way, and succeeds, would take it back.
    this.#held = true;
    return await this.release();
  }

  /** Ends `hold`. */
  resume(): void {
    this.#held = false;
    this.refill();
  }

  /** Removes all prepared segments. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.release();
  }

  /** Closes the files without touching the disk. */
  async abandon(): Promise<void> {
    this.#closed = true;
    await this.#preparing;
    for (const { file } of this.#ready.splice(0)) await file.close().catch(() => undefined);
  }

  async #prepare(): Promise<PreparedSegment> {
    const name = openSegmentName(++this.#counter);
    const file = await this.#disk.open(name, 'create');
    try {
      await file.allocate(this.#segmentBytes);
      await file.sync();
      await this.#disk.syncDirectory();
    } catch (error) {
      await file.close().catch(() => undefined);
      // A part of the segment may stand there; removed it gives back the space that was missing.
      if (isFull(error)) await this.#disk.remove(name);
      throw error;
    }
    return { name, file, sizeBytes: this.#segmentBytes };
  }

  async #discard(segment: PreparedSegment): Promise<void> {
    await segment.file.close();
    await this.#disk.remove(segment.name);
  }
}
