import type { Pin, Version } from './contract.ts';

/** A version with what the store needs to reclaim its slots. */
export class VersionRecord implements Version {
  readonly generation: number;
  root: number;
  pages: number;
  change: number;
  index: number;
  /** Published, sealed, and each pin count one. */
  references = 0;
  /** It was published: other threads may pin it without being counted. */
  shared = false;
  /** Its pins were told to go (S5); what it retains is on its way back. */
  killed = false;
  /**
   * Slots that later versions no longer see and of whose seers this is the newest that lives. They go to the
   * next older version that sees them, or are freed, when this version dies.
   */
  held: number[] = [];

  constructor(generation: number, base: Omit<Version, 'generation'>) {
    this.generation = generation;
    this.root = base.root;
    this.pages = base.pages;
    this.change = base.change;
    this.index = base.index;
  }
}

/** A pin on the store's own thread. */
export class LocalPin implements Pin {
  version: VersionRecord;
  usable = true;
  /** By which its store knows it. */
  number = 0;

  constructor(version: VersionRecord) {
    this.version = version;
    version.references++;
  }

  /** Moves to another version; the caller sees to the old one. */
  moveTo(version: VersionRecord): void {
    this.version.references--;
    this.version = version;
    version.references++;
  }
}
