import { sha256 } from '@noble/hashes/sha2.js';
import { hexadecimal, QuorateError, utf8 } from '../base/index.ts';

/**
 * How a migration relates to code that does not know it (docs/migrations.md):
 *
 * - `expand`: such code keeps working on the result;
 * - `data`: a backfill in batches, which such code does not see;
 * - `contract`: removes what only older code needs; it floats (`ManifestEntry.of`);
 * - `breaking`: neither; such code must be gone first.
 */
export type MigrationKind = 'expand' | 'data' | 'contract' | 'breaking';

export const MIGRATION_KINDS: readonly MigrationKind[] = ['expand', 'data', 'contract', 'breaking'];

/** One migration as a program knows it. */
export interface ManifestEntry {
  /** Its identity within the namespace. */
  readonly name: string;
  readonly kind: MigrationKind;
  /** 64 hexadecimal digits. */
  readonly checksum: string;
  /** Only of `contract`: names that must be applied before it; everything in the list before it by default. */
  readonly after?: readonly string[] | undefined;
  /** Only of `contract` and `breaking`: what must have been done outside of the database before it. */
  readonly tasks?: readonly TaskName[] | undefined;
}

/** Work of programs outside of the database that is recorded in it. */
export interface TaskName {
  readonly name: string;
  /** On every node that takes part, or once for all. */
  readonly once: TaskScope;
}

export type TaskScope = 'node' | 'cluster';

export const TASK_SCOPES: readonly TaskScope[] = ['node', 'cluster'];

/** Stands for the node in the record of a task that is done once for all. */
export const WHOLE_CLUSTER = '*';

/** What one program knows of one namespace: its migrations in order. */
export interface Manifest {
  readonly namespace: string;
  readonly entries: readonly ManifestEntry[];
  /** What stood before the first entry, when older history was squashed. */
  readonly base?: Base | undefined;
  /** Name of the oldest migration that must be applied before the program can serve; default: all that are no contracts. */
  readonly servesFrom?: string | undefined;
}

/** A history that a program no longer carries. */
export interface Base {
  readonly version: number;
  readonly chain: string;
  /** Contracts of it: name → checksum. All of them must be applied where the program starts. */
  readonly contracts?: Readonly<Record<string, string>> | undefined;
  /** The last release that carries all of it: whoever comes from before has to deploy it in between. */
  readonly release?: string | undefined;
  /** What makes all of it at once in an empty database. */
  readonly snapshot?: { readonly name: string; readonly checksum: string } | undefined;
}

/** The chain of an empty history. */
export const EMPTY_CHAIN = '0'.repeat(64);

const NAMESPACE = /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/;
const NAME_CHARACTERS_MAX = 200;
const ENTRIES_MAX = 10_000;
const CHECKSUM = /^[0-9a-f]{64}$/;

/** SHA-256 as hexadecimal digits. */
export function digestOf(text: string | Uint8Array): string {
  return hexadecimal(sha256(typeof text === 'string' ? utf8(text) : text));
}

/** The next link of a history: it depends on everything before it. */
export function chainOf(before: string, entry: Pick<ManifestEntry, 'name' | 'checksum'>): string {
  return digestOf(`${before}\n${entry.name}\n${entry.checksum}`);
}

/** Whether an entry stands in the line of ordinals; contracts float beside it. */
export function inLine(entry: ManifestEntry): boolean {
  return entry.kind !== 'contract';
}

/** A manifest with what follows from it. */
export class Program {
  readonly manifest: Manifest;
  /** Identifies the manifest: SHA-256 of its canonical text. */
  readonly digest: string;
  /** Entries of the line; the first has the ordinal `base + 1`. */
  readonly line: readonly ManifestEntry[];
  readonly base: number;
  /** Ordinal of the last entry of the line. */
  readonly max: number;
  /** What makes an empty database one of version `base`. */
  readonly snapshot: ManifestEntry | undefined;
  /** Lowest version on which the program can serve. */
  readonly min: number;
  readonly #byName = new Map<string, ManifestEntry>();
  readonly #ordinals = new Map<string, number>();
  /** Contract → ordinal of the last entry of the line before it. */
  readonly #before = new Map<string, number>();
  /** `#chains[i]` is the chain at ordinal `base + i`. */
  readonly #chains: string[];

  /** Throws QuorateError BAD_MIGRATIONS when the manifest cannot be right. */
  constructor(manifest: Manifest) {
    this.manifest = manifest;
    this.base = manifest.base?.version ?? 0;
    this.line = manifest.entries.filter(inLine);
    this.max = this.base + this.line.length;
    this.#chains = [manifest.base?.chain ?? EMPTY_CHAIN];
    check(manifest);
    const { snapshot } = manifest.base ?? {};
    this.snapshot = snapshot === undefined ? undefined : { ...snapshot, kind: 'breaking' };
    if (this.snapshot !== undefined) {
      this.#byName.set(this.snapshot.name, this.snapshot);
      this.#ordinals.set(this.snapshot.name, this.base);
    }
    for (const entry of manifest.entries) {
      if (this.#byName.has(entry.name)) throw bad(manifest, `two are named ${entry.name}`);
      this.#byName.set(entry.name, entry);
      if (!inLine(entry)) {
        this.#before.set(entry.name, this.base + this.#chains.length - 1);
        continue;
      }
      this.#ordinals.set(entry.name, this.base + this.#chains.length);
      this.#chains.push(chainOf(this.#chains.at(-1) ?? EMPTY_CHAIN, entry));
    }
    this.min = this.#lowest();
    for (const entry of manifest.entries) {
      this.#checkAfter(entry);
      const { name, kind, tasks = [] } = entry;
      if (tasks.length > 0 && kind !== 'contract' && kind !== 'breaking') {
        throw bad(manifest, `${name} waits for tasks and is neither contract nor breaking`);
      }
    }
    this.digest = digestOf(canonicalText(manifest));
  }

  #lowest(): number {
    const { servesFrom } = this.manifest;
    if (servesFrom === undefined) return this.max;
    const ordinal = this.#ordinals.get(servesFrom);
    if (ordinal === undefined) {
      throw bad(this.manifest, `servesFrom names ${servesFrom}, which is no migration of the line`);
    }
    return ordinal;
  }

  #checkAfter({ name, kind, after }: ManifestEntry): void {
    if (after === undefined) return;
    if (kind !== 'contract') throw bad(this.manifest, `${name} has "after" and is no contract`);
    for (const other of after) {
      if (!this.#byName.has(other))
        throw bad(this.manifest, `${name} is after ${other}, which is unknown`);
      if (other === name) throw bad(this.manifest, `${name} is after itself`);
    }
  }

  entry(name: string): ManifestEntry | undefined {
    return this.#byName.get(name);
  }

  /** Checksum of a contract that the program has or had; undefined when it never knew it. */
  contract(name: string): string | undefined {
    const { contracts = {} } = this.manifest.base ?? {};
    return (
      this.#byName.get(name)?.checksum ??
      (Object.hasOwn(contracts, name) ? contracts[name] : undefined)
    );
  }

  /** Ordinal of an entry of the line, or of the snapshot; undefined for contracts and unknown names. */
  ordinal(name: string): number | undefined {
    return this.#ordinals.get(name);
  }

  /** The entry with this ordinal; undefined before the base and beyond the end. */
  at(ordinal: number): ManifestEntry | undefined {
    return this.line[ordinal - this.base - 1];
  }

  /** The chain at an ordinal from `base` to `max`; undefined outside. */
  chain(ordinal: number): string | undefined {
    return this.#chains[ordinal - this.base];
  }

  /** Names that must be applied before this contract. As long as the manifest: to ask about many, `lineBefore`. */
  needed(contract: ManifestEntry): readonly string[] {
    if (contract.after !== undefined) return contract.after;
    return this.line.slice(0, this.lineBefore(contract) - this.base).map(({ name }) => name);
  }

  /** Ordinal of the last entry of the line that stands before a contract in the list. */
  lineBefore({ name }: ManifestEntry): number {
    return this.#before.get(name) ?? this.base;
  }
}

/** The same text for equal manifests: what the digest is taken of, and what is stored. */
export function canonicalText(manifest: Manifest): string {
  const { namespace, base, servesFrom } = manifest;
  return JSON.stringify({
    namespace,
    ...(base === undefined ? {} : { base: canonicalBase(base) }),
    ...(servesFrom === undefined ? {} : { servesFrom }),
    entries: manifest.entries.map(({ name, kind, checksum, after, tasks }) => ({
      ...{ name, kind, checksum },
      ...(after === undefined ? {} : { after: [...after] }),
      ...(tasks === undefined
        ? {}
        : { tasks: tasks.map((task) => ({ name: task.name, once: task.once })) }),
    })),
  });
}

function canonicalBase({ version, chain, contracts = {}, release, snapshot }: Base): object {
  const sorted = Object.entries(contracts).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...{ version, chain },
    ...(sorted.length === 0 ? {} : { contracts: Object.fromEntries(sorted) }),
    ...(release === undefined || release === '' ? {} : { release }),
    ...(snapshot === undefined
      ? {}
      : { snapshot: { name: snapshot.name, checksum: snapshot.checksum } }),
  };
}

function check(manifest: Manifest): void {
  const { namespace, entries, base } = manifest;
  if (!NAMESPACE.test(namespace)) throw bad(manifest, 'its namespace has a bad name');
  if (entries.length > ENTRIES_MAX) throw bad(manifest, `more than ${ENTRIES_MAX} migrations`);
  if (base !== undefined) {
    const right =
      Number.isSafeInteger(base.version) && base.version > 0 && CHECKSUM.test(base.chain);
    if (!right) throw bad(manifest, 'its base needs a version above 0 and a chain');
  }
  const { contracts = {}, snapshot } = base ?? {};
  const before: ManifestEntry[] = Object.entries(contracts).map(([name, checksum]) => {
    return { name, kind: 'contract', checksum };
  });
  if (snapshot !== undefined) before.push({ ...snapshot, kind: 'breaking' });
  if (before.length > ENTRIES_MAX) throw bad(manifest, `more than ${ENTRIES_MAX} contracts`);
  for (const { name, kind, checksum } of [...before, ...entries]) {
    if (name === '' || name.length > NAME_CHARACTERS_MAX || /[\p{Cc}]/u.test(name)) {
      throw bad(
        manifest,
        `a migration needs a name of 1 to ${NAME_CHARACTERS_MAX} printable characters`,
      );
    }
    if (!MIGRATION_KINDS.includes(kind)) throw bad(manifest, `${name} is of no known kind`);
    if (!CHECKSUM.test(checksum)) throw bad(manifest, `${name} has no checksum`);
  }
}

function bad({ namespace }: Manifest, what: string): QuorateError {
  return new QuorateError(
    'BAD_MIGRATIONS',
    `the migrations of '${namespace}' cannot be used: ${what}`,
  );
}
