import { type LogIndex, PAGE_SIZE_BYTES, utf8 } from '../base/index.ts';
import { sizeAfterUpdate } from '../pages/index.ts';
import { decodeCommand, frameImage, SnapshotDecoder } from '../wire/index.ts';
import { mix } from './entry-hash.ts';
import { Violation } from './violation.ts';

/** Counters in page 1 that change with every transaction; an entry in which nothing else of that page changes does without it. */
const COUNTERS = [24, 92, 96] as const;

/**
 * What the log says that all databases hold, as one hash for each index: the definition that snapshots are compared with. Hashes of
 * pages are joined by exclusive or, so that an entry costs only its own pages.
 */
export class ReferenceState {
  readonly #pages = new Map<string, number[]>();
  #hash = 0;
  readonly #history: { readonly index: LogIndex; readonly hash: number }[] = [];

  /** In order of indexes, each once. */
  apply(index: LogIndex, bytes: Uint8Array): void {
    const command = decodeCommand(bytes);
    if (command.kind !== 'frames') return;
    const { database, pageNumbers } = command;
    const pages = this.#pages.get(database) ?? [];
    const size = sizeAfterUpdate(command, pages.length);
    for (const [i, number] of pageNumbers.entries()) {
      this.#hash ^= pages[number - 1] ?? 0;
      pages[number - 1] = hashPage(database, number, frameImage(command, i));
      this.#hash ^= pages[number - 1];
    }
    const left = size.deleted ? 0 : size.pages;
    for (const dropped of pages.splice(left)) this.#hash ^= dropped ?? 0;
    this.#pages.set(database, pages);
    this.#history.push({ index, hash: this.#hash });
  }

  /** SNAP: the content of a snapshot is what applying everything up to its index gives. */
  check(who: string, index: LogIndex, chunks: readonly Uint8Array[]): void {
    const known = this.#history.findLast((each) => each.index <= index)?.hash ?? 0;
    let found = 0;
    let database = '';
    const decoder = new SnapshotDecoder({
      database: (name) => {
        database = name;
      },
      page: (number, image) => {
        found ^= hashPage(database, number, image);
      },
      end: () => undefined,
    });
    for (const chunk of chunks) decoder.write(chunk);
    decoder.finish();
    if (found === known) return;
    throw new Violation(
      'SNAP',
      `${who} takes a snapshot at ${index} of what is not committed there`,
    );
  }
}

function hashPage(database: string, number: number, image: Uint8Array): number {
  const bytes = image.slice(0, PAGE_SIZE_BYTES);
  if (number === 1) for (const at of COUNTERS) bytes.fill(0, at, at + 4);
  let hash = number;
  for (const byte of utf8(database)) hash = mix(hash, byte);
  for (const word of new Uint32Array(bytes.buffer)) hash = mix(hash, word);
  return hash | 0;
}
