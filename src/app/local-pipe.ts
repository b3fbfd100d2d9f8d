import type { Connection, ConnectionEvents } from '../base/index.ts';

/** One end of a stream within a thread. */
class LocalEnd implements Connection {
  readonly remoteAddress = 'this process';
  #peer: LocalEnd | undefined;
  #events: ConnectionEvents | undefined;
  /** Written by the peer and not delivered yet. */
  #waiting: Uint8Array[] = [];
  /** Written here and not taken by the peer. */
  #buffered = 0;
  #drained = false;
  #scheduled = false;
  #paused = false;
  /** Nothing is written any more, here and by the peer. */
  #ending = false;
  #peerEnded = false;
  #ended = false;

  join(peer: LocalEnd): void {
    this.#peer = peer;
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  start(events: ConnectionEvents): void {
    this.#events = events;
    this.#schedule();
  }

  write(bytes: Uint8Array): void {
    if (this.#ended || this.#ending || bytes.length === 0) return;
    this.#buffered += bytes.length;
    this.#peer?.receive(bytes);
  }

  writeAll(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.write(chunk);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#ended || this.#ending) return;
    this.#ending = true;
    this.#peer?.peerEnds();
    this.#schedule();
  }

  destroy(reason?: Error): void {
    if (this.#ended) return;
    this.#waiting = [];
    this.#peer?.peerEnds();
    this.#finish(reason);
  }

  receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#waiting.push(bytes);
    this.#schedule();
  }

  peerEnds(): void {
    this.#peerEnded = true;
    this.#schedule();
  }

  taken(bytes: number): void {
    this.#buffered -= bytes;
    if (this.#buffered > 0) return;
    this.#drained = true;
    this.#schedule();
  }

  /** In a later turn, once for all that is written in this one: as from another thread, nothing arrives inside a call. */
  #schedule(): void {
    if (this.#scheduled || this.#ended || this.#events === undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const events = this.#events;
    if (events === undefined || this.#ended) return;
    if (this.#drained) {
      this.#drained = false;
      if (this.#buffered === 0) events.drain();
    }
    const chunks = this.#waiting;
    let count = 0;
    let bytes = 0;
    while (count < chunks.length && !this.#holds && !this.#ended) {
      const chunk = chunks[count++];
      bytes += chunk.length;
      events.data(chunk);
    }
    // What came meanwhile, or is left, is for the next turn.
    this.#waiting = this.#ended ? [] : chunks.slice(count);
    if (bytes > 0) this.#peer?.taken(bytes);
    if (this.#ended || this.#holds) return;
    if (this.#waiting.length > 0) this.#schedule();
    else if (this.#ending || this.#peerEnded) this.#finish();
  }

  /** Paused; but an end is told, with all that came before it. */
  get #holds(): boolean {
    return this.#paused && !this.#peerEnded;
  }

  #finish(reason?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events?.close(reason);
  }
}

/** The two ends of a stream within this thread: what a pipe is between two threads. */
export function localPipe(): readonly [Connection, Connection] {
  const left = new LocalEnd();
  const right = new LocalEnd();
  left.join(right);
  right.join(left);
  return [left, right];
}
