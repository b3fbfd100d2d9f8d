import { assert, PAGE_SIZE_BYTES } from '../base/index.ts';
import type { DatabaseImage } from '../node/index.ts';
import { encodeFilesParts } from '../wire/index.ts';

/**
 * The Files response with the image of a database and an empty WAL, in parts (client-protocol.md §8.12): the
 * image is never held as a whole. The parts are one message of known length, so all must be sent.
 */
export async function* dumpParts(name: string, image: DatabaseImage): AsyncGenerator<Uint8Array> {
  const sizeBytes = image.pages * PAGE_SIZE_BYTES;
  const [head, tail] = encodeFilesParts([
    { name, sizeBytes },
    { name: `${name}-wal`, sizeBytes: 0 },
  ]);
  yield head;
  let left = sizeBytes;
  for await (const chunk of image.chunks()) {
    left -= chunk.length;
    yield chunk;
  }
  assert(left === 0, () => `the image of ${name} lacks ${left} bytes`);
  yield tail;
}
