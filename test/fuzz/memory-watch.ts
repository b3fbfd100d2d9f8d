/** Bytes that buffers were asked for while something ran. */
export interface MemoryUse {
  greatest: number;
  total: number;
}

const NAMES = [
  'Uint8Array',
  'Uint32Array',
  'Int32Array',
  'ArrayBuffer',
  'SharedArrayBuffer',
] as const;

type Maker = new (...args: unknown[]) => { readonly byteLength: number };

/**
 * Runs something with every constructor of buffers replaced by one that counts. What is asked for counts, also
 * when the system would hand out the memory only page by page. Memory inside of SQLite does not count.
 */
export async function watchMemory(run: () => void | Promise<void>): Promise<MemoryUse> {
  const use: MemoryUse = { greatest: 0, total: 0 };
  const originals = NAMES.map((name): [string, Maker] => [name, makerOf(name)]);
  for (const [name, original] of originals) {
    const counting: Maker = new Proxy(original, {
      construct(target, args, newTarget) {
        if (typeof args[0] === 'number') count(use, args[0] * (BYTES_PER_ELEMENT.get(name) ?? 1));
        return Reflect.construct(target, args, newTarget === counting ? target : newTarget);
      },
    });
    Reflect.set(globalThis, name, counting);
  }
  try {
    await run();
  } finally {
    for (const [name, original] of originals) Reflect.set(globalThis, name, original);
  }
  return use;
}

const BYTES_PER_ELEMENT: ReadonlyMap<string, number> = new Map([
  ['Uint32Array', 4],
  ['Int32Array', 4],
]);

function count(use: MemoryUse, bytes: number): void {
  use.total += bytes;
  if (bytes > use.greatest) use.greatest = bytes;
}

function makerOf(name: string): Maker {
  const found: unknown = Reflect.get(globalThis, name);
  if (!isMaker(found)) throw new Error(`${name} is no constructor`);
  return found;
}

function isMaker(value: unknown): value is Maker {
  return typeof value === 'function';
}
