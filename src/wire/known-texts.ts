import { fromUtf8 } from '../base/index.ts';

const PLACES = 256;
/** Longer texts are decoded each time. */
const KNOWN_BYTES = 512;

/**
 * Decodes texts of which a program has few, such as SQL and names: one that was seen just before is found by comparing its bytes, and is the same string
 * as then, whose hash is known already. Bounded: 256 texts of 512 bytes.
 */
export class KnownTexts {
  readonly #bytes: (Uint8Array | undefined)[] = new Array(PLACES).fill(undefined);
  readonly #texts: string[] = new Array(PLACES).fill('');

  decode(bytes: Uint8Array): string {
    const { length } = bytes;
    if (length === 0) return '';
    if (length > KNOWN_BYTES) return fromUtf8(bytes);
    const place = placeOf(bytes, length);
    const known = this.#bytes[place];
    if (known !== undefined && areEqual(known, bytes, length)) return this.#texts[place];
    const text = fromUtf8(bytes);
    this.#bytes[place] = bytes.slice();
    this.#texts[place] = text;
    return text;
  }
}

/** Of the length and of every few bytes: similar statements differ somewhere in the middle. */
function placeOf(bytes: Uint8Array, length: number): number {
  let hash = length;
  const step = (length >> 4) + 1;
  for (let i = length - 1; i >= 0; i -= step) hash = (hash * 31 + bytes[i]) | 0;
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (PLACES - 1);
}

function areEqual(left: Uint8Array, right: Uint8Array, length: number): boolean {
  if (left.length !== length) return false;
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return false;
  return true;
}
