import type { NodeId } from '../base/index.ts';

/** A peer has one stream, one more while it sends a snapshot, and what a broken network has left of older ones. */
const STREAMS_PER_PEER = 4;
/** Streams of all ids that are no members: of a leader that we do not know yet, or of anybody at all. */
const STRANGERS = 32;

/** Who has opened which streams: a bounded number, whatever ids are claimed. */
export class StreamTable<T> {
  readonly #isMember: (id: NodeId) => boolean;
  /** In the order in which they came. */
  readonly #streams = new Map<T, NodeId>();

  constructor(isMember: (id: NodeId) => boolean) {
    this.#isMember = isMember;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Adds a stream; gives back the one that must end for it, the oldest of its kind. */
  add(stream: T, id: NodeId): T | undefined {
    this.#streams.set(stream, id);
    const own = this.of(id);
    if (own.length > STREAMS_PER_PEER) return this.#remove(own[0]);
    if (this.#isMember(id)) return undefined;
    const strangers = [...this.#streams.keys()].filter((each) => !this.#isMember(this.#id(each)));
    return strangers.length > STRANGERS ? this.#remove(strangers[0]) : undefined;
  }

  delete(stream: T): void {
    this.#streams.delete(stream);
  }

  of(id: NodeId): T[] {
    return [...this.#streams].filter((entry) => entry[1] === id).map(([stream]) => stream);
  }

  all(): T[] {
    return [...this.#streams.keys()];
  }

  #remove(stream: T): T {
    this.#streams.delete(stream);
    return stream;
  }

  #id(stream: T): NodeId {
    return this.#streams.get(stream) ?? 0n;
  }
}
