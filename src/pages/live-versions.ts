import { assert } from '../base/index.ts';
import type { PinTable } from './pin-table.ts';
import type { SlotArena } from './slot-arena.ts';
import type { VersionRecord } from './version-record.ts';

/**
 * The frozen versions that somebody can still see, oldest first, and the slots that only they see.
 *
 * A slot that leaves the head was visible in the generations [born, now). It hangs at the newest live version
 * in that interval; when that version dies the slot moves to the next older one inside the interval, or is
 * free. So reclaiming costs one step per slot and dying version, however long the oldest pin lives.
 */
export class LiveVersions {
  readonly #arena: SlotArena;
  readonly #pins: PinTable;
  readonly #freeSlot: (slot: number) => void;
  readonly #list: VersionRecord[] = [];

  constructor(arena: SlotArena, pins: PinTable, freeSlot: (slot: number) => void) {
    this.#arena = arena;
    this.#pins = pins;
    this.#freeSlot = freeSlot;
  }

  get list(): readonly VersionRecord[] {
    return this.#list;
  }

  /** Adds a frozen version; its caller holds a reference. */
  add(version: VersionRecord): void {
    const last = this.#list.at(-1);
    assert(last === undefined || last.generation < version.generation, 'versions out of order');
    assert(version.references > 0, 'a live version without a reference');
    this.#list.push(version);
  }

  /** A slot left the head. */
  supersede(slot: number): void {
    const last = this.#list.at(-1);
    if (last !== undefined && last.generation >= this.#arena.born(slot)) last.held.push(slot);
    else this.#freeSlot(slot);
  }

  /** Drops one reference. */
  release(version: VersionRecord): void {
    version.references--;
    assert(version.references >= 0, 'a version is released twice');
    this.reap(version);
  }

  /** Lets a version die if nobody refers to it any more. */
  reap(version: VersionRecord): void {
    if (version.references > 0) return;
    const position = this.#list.indexOf(version);
    if (position < 0) return;
    if (version.shared && this.#pins.has(version.generation)) return;
    this.#list.splice(position, 1);
    const older = position > 0 ? this.#list[position - 1] : undefined;
    for (const slot of version.held) {
      if (older !== undefined && older.generation >= this.#arena.born(slot)) older.held.push(slot);
      else this.#freeSlot(slot);
    }
    version.held = [];
  }

  /** Lets versions die that were kept for pins of other threads only. */
  collect(): void {
    for (const version of this.#list.filter(({ references }) => references === 0)) {
      this.reap(version);
    }
  }

  /**
   * After a return to `published`: slots that it sees are in use again. Its own are all of those it holds;
   * newer versions hold some when they were frozen before the slot was superseded.
   */
  resurrect(published: VersionRecord): void {
    for (const version of this.#list) {
      if (version.generation < published.generation) continue;
      version.held = version.held.filter((slot) => this.#arena.born(slot) > published.generation);
    }
    assert(published.held.length === 0, 'the published version holds slots newer than itself');
  }

  /** Slots that are kept for these versions alone. */
  get retained(): number {
    let count = 0;
    for (const version of this.#list) count += version.held.length;
    return count;
  }
}
