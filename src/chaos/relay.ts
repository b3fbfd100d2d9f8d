import type { Socket } from 'node:net';
import { reset } from './reset.ts';

/** What happens to bytes on their way from one place to another. */
export interface LinkRule {
  /** Nothing passes, not even the end of a connection: it waits. */
  readonly cut: boolean;
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

export const FREE: LinkRule = { cut: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

/** What a relay holds at most before it stops reading: the senders feel a slow link. */
const HELD_BYTES_MAX = 256 * 1024;

interface Parcel {
  at: number;
  readonly content: Buffer | 'end' | 'gone';
}

/** One direction of a proxied connection: bytes, end or loss of `source` reach `destination` as the rule of the link says. */
export class Relay {
  readonly #source: Socket;
  readonly #destination: Socket;
  readonly #parcels: Parcel[] = [];
  #rule: LinkRule;
  #heldBytes = 0;
  #freeAt = 0;
  #ended = false;
  #tearAfter: number | undefined;
  /** A part of a message is on its way, and nothing may follow it but the reset: no network leaves out bytes. */
  #torn = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Socket, destination: Socket, rule: LinkRule) {
    this.#source = source;
    this.#destination = destination;
    this.#rule = rule;
    source.on('data', (bytes) => this.#take(bytes));
    source.on('end', () => {
      this.#ended = true;
      this.#take('end');
    });
    // One that has ended may still be lost: who only writes to it would write into the void for ever.
    source.on('close', (lost) => {
      if (!this.#ended || lost) this.#take('gone');
    });
    destination.on('drain', () => this.#pump());
    destination.on('close', () => clearTimeout(this.#timer));
    this.#pump();
  }

  /** Follows a new rule at once, also with what is under way. */
  follow(rule: LinkRule): void {
    const now = performance.now();
    for (const parcel of this.#parcels) parcel.at = Math.min(parcel.at, now + rule.delayMs);
    this.#freeAt = 0;
    this.#rule = rule;
    this.#pump();
  }

  /**
   * Resets the connection after so many further bytes, in the middle of a message if it comes to that. Node's reset
   * is an orderly end and then a reset: some receivers see the one, some the other.
   */
  tear(afterBytes: number): void {
    this.#tearAfter = afterBytes;
  }

  #take(content: Parcel['content']): void {
    const { delayMs, bytesPerSecond } = this.#rule;
    const bytes = typeof content === 'string' ? 0 : content.length;
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / bytesPerSecond) * 1_000;
    this.#heldBytes += bytes;
    this.#parcels.push({ at: this.#freeAt + delayMs, content });
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#rule.cut) {
      this.#source.pause();
      return;
    }
    const now = performance.now();
    for (;;) {
      const parcel = this.#parcels[0];
      if (parcel === undefined) break;
      if (parcel.at > now) {
        this.#timer = setTimeout(() => this.#pump(), parcel.at - now);
        break;
      }
      this.#parcels.shift();
      this.#deliver(parcel.content);
    }
    const full = this.#heldBytes > HELD_BYTES_MAX || this.#destination.writableNeedDrain;
    if (full && !this.#destination.destroyed) this.#source.pause();
    else if (!this.#source.destroyed) this.#source.resume();
  }

  #deliver(content: Parcel['content']): void {
    if (this.#torn) return;
    if (content === 'end') this.#destination.end();
    else if (content === 'gone') reset(this.#destination);
    else {
      this.#heldBytes -= content.length;
      this.#write(content);
    }
  }

  #write(bytes: Buffer): void {
    if (!this.#destination.writable) return;
    const left = this.#tearAfter;
    if (left === undefined || bytes.length < left) {
      this.#destination.write(bytes);
      if (left !== undefined) this.#tearAfter = left - bytes.length;
      return;
    }
    this.#torn = true;
    this.#destination.write(bytes.subarray(0, left), () => {
      reset(this.#destination);
      reset(this.#source);
    });
  }
}
