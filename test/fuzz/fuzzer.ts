import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuUsage } from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Random, randomBelow, SeededRandom } from '../../src/base/index.ts';
import { watchMemory } from './memory-watch.ts';
import { mutate } from './mutate.ts';
import { type Target, usualMemory } from './target.ts';

const SAVED = fileURLToPath(new URL('../../testdata/fuzz/', import.meta.url));
/** Tries of the minimiser. */
const SHRINK_TRIES = 2_000;
const SLOW_TRIES = 20;
/** An input that keeps the processor longer than this is a finding of the long runs; tests do not look at time. */
const SLOW_MS = 2_000;

/** An input that did what it must not. */
export interface Finding {
  readonly target: string;
  readonly error: unknown;
  /** The smallest input that fails in the same way. */
  readonly bytes: Uint8Array;
  /** Where it was saved. */
  readonly file: string;
}

/** Inputs that once failed, by file name. */
export function savedInputs(target: Target): readonly (readonly [string, Uint8Array])[] {
  const folder = join(SAVED, target.name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]);
}

/** What is wrong with what a target does with these bytes; undefined = nothing. */
export async function failureOf(
  target: Target,
  bytes: Uint8Array,
  slowMs = Number.POSITIVE_INFINITY,
): Promise<unknown> {
  const { atOnce, total } = (target.memory ?? usualMemory)(bytes.length);
  const before = cpuUsage();
  try {
    const use = await watchMemory(() => target.run(bytes.slice()));
    if (use.greatest > atOnce) return new Error(`asks for ${use.greatest} bytes at once`);
    if (use.total > total) return new Error(`asks for ${use.total} bytes in all`);
  } catch (error) {
    return error instanceof Error ? error : new Error(`threw ${String(error)}`);
  }
  const { user, system } = cpuUsage(before);
  if ((user + system) / 1000 > slowMs) return new Error('is slow');
  return undefined;
}

/** One round: `count` inputs drawn from the seed. Stops at the first finding that is not `known`; it is minimised and saved. */
export async function fuzzRound(
  target: Target,
  seed: number,
  count: number,
  slow = false,
  known: ReadonlySet<string> = new Set(),
): Promise<Finding | undefined> {
  const slowMs = slow ? SLOW_MS : Number.POSITIVE_INFINITY;
  const random = new SeededRandom(seed);
  const corpus = [...target.corpus(random), ...savedInputs(target).map(([, bytes]) => bytes)];
  for (let i = 0; i < count; i++) {
    const bytes = draw(target, corpus, random);
    const error = await failureOf(target, bytes, slowMs);
    if (error === undefined || known.has(kindOf(error))) continue;
    const small = await minimise(target, bytes, error, slowMs);
    return { target: target.name, error, bytes: small, file: save(target, small) };
  }
  return undefined;
}

function draw(target: Target, corpus: readonly Uint8Array[], random: Random): Uint8Array {
  const good = corpus[randomBelow(random, corpus.length)];
  const other = corpus[randomBelow(random, corpus.length)];
  const kind = randomBelow(random, 20);
  if (kind === 0) return good;
  if (kind === 1) {
    return Uint8Array.from({ length: randomBelow(random, 300) }, () => random.uint32() & 255);
  }
  const bytes = mutate(good, random, other);
  if (randomBelow(random, 2) === 0) target.repair?.(bytes);
  return bytes;
}

/** Shorter and emptier inputs that fail with the same kind of error. */
async function minimise(
  target: Target,
  found: Uint8Array,
  error: unknown,
  slowMs: number,
): Promise<Uint8Array> {
  const wanted = kindOf(error);
  let best = found;
  let tries = wanted === 'Error is slow' ? SLOW_TRIES : SHRINK_TRIES;
  const attempt = async (bytes: Uint8Array): Promise<boolean> => {
    if (tries-- <= 0) return false;
    const failed = await failureOf(target, bytes, slowMs);
    if (failed === undefined || kindOf(failed) !== wanted) return false;
    best = bytes;
    return true;
  };
  for (let size = best.length >> 1; size >= 1 && tries > 0; size >>= 1) {
    for (let at = 0; at < best.length && tries > 0; ) {
      const without = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (!(await attempt(new Uint8Array(without)))) at += size;
    }
  }
  for (let at = 0; at < best.length && tries > 0; at++) {
    if (best[at] === 0) continue;
    const zeroed = best.slice();
    zeroed[at] = 0;
    await attempt(zeroed);
  }
  return best;
}

/** Numbers in a message differ from input to input. */
export function kindOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name} ${error.message.slice(0, 60).replace(/\d+/g, '#')}`
    : '';
}

function save(target: Target, bytes: Uint8Array): string {
  const folder = join(SAVED, target.name);
  mkdirSync(folder, { recursive: true });
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}
