import {
  type Clock,
  type Disk,
  DiskError,
  type DiskFile,
  type FileInfo,
  type OpenMode,
  type Random,
} from '../base/index.ts';
import { DirectoryImage, type FileImage, SECTOR_BYTES } from './disk-image.ts';
import { Overlapping } from './overlapping.ts';

/** What programs ask of the disk, for fault hooks and statistics. */
export type DiskCallKind =
  | 'list'
  | 'open'
  | 'create'
  | 'rename'
  | 'remove'
  | 'sync-directory'
  | 'lock'
  | 'read'
  | 'write'
  | 'write-durable'
  | 'sync'
  | 'allocate'
  | 'truncate'
  | 'close';

export interface DiskCall {
  /** Running number from 1 over the life of the simulated disk. */
  readonly number: number;
  readonly kind: DiskCallKind;
  /** Name of the file; empty for calls on the directory. */
  readonly name: string;
}

/** These change nothing on the disk: no crash can come in the middle of them. */
const WITHOUT_EFFECT: ReadonlySet<DiskCallKind> = new Set([
  'list',
  'open',
  'lock',
  'read',
  'close',
]);

/** How one call goes wrong. */
export type DiskFault =
  /** fails with this code and has no effect (a sync loses pages) */
  | { readonly kind: 'error'; readonly code: string }
  /** a write that does a part of its work, then fails with this code */
  | { readonly kind: 'short'; readonly code: string }
  /** a durable write that programs see, of which a part never reaches the medium and no later sync brings it back */
  | { readonly kind: 'lost'; readonly code: string }
  /** the power goes before the call has any effect, or after it took effect in memory */
  | { readonly kind: 'crash-before' }
  | { readonly kind: 'crash-after' }
  /** the process is killed when the call took effect in memory: the next one finds that, but it is not durable */
  | { readonly kind: 'kill-after' };

export interface SimulatedDiskOptions {
  readonly random: Random;
  /** Needed when there is a latency. */
  readonly clock?: Clock;
  /** Each call takes a time drawn between these. Absent: calls end in the next microtask. */
  readonly latencyMs?: { readonly min: number; readonly max: number };
  /** ENOSPC above it. */
  readonly capacityBytes?: number;
  /** A disk that reports syncs as done without doing them. Off by default. */
  readonly lyingSyncs?: boolean;
  /** Asked before each call. */
  readonly fault?: (call: DiskCall) => DiskFault | undefined;
  readonly path?: string;
}

/**
 * A disk that can lose power. It outlives the processes that use it: each process gets its own view by
 * `mount()`, and after `crash()` every view made before answers ECRASHED, whatever its owner still tries.
 * The same seed and the same calls give the same disk.
 */
export class SimulatedDisk {
  readonly path: string;
  readonly #options: SimulatedDiskOptions;
  readonly #directory = new DirectoryImage();
  #life = 0;
  #lockedInLife = -1;
  #calls = 0;
  #capacityBytes: number;
  #lyingSyncs: boolean;
  readonly #slowness = new Overlapping((factors) => Math.max(1, ...factors));
  readonly #shortage = new Overlapping((bytes) => Math.min(...bytes));
  #fault: ((call: DiskCall) => DiskFault | undefined) | undefined;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
    this.path = options.path ?? '/simulated';
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#fault = options.fault;
    this.#lyingSyncs = options.lyingSyncs ?? false;
  }

  /** Calls made so far. */
  get calls(): number {
    return this.#calls;
  }

  /** The view of one process. */
  mount(): Disk {
    return new MountedDisk(this, this.#life);
  }

  /** The power goes: views end, what was not synced survives in part. Locks are free again. */
  crash(): void {
    this.#life++;
    this.#directory.crash(this.#options.random);
  }

  /** The process dies (SIGKILL): views end, the operating system keeps everything that was written. */
  kill(): void {
    this.#life++;
  }

  /** Replaces the fault hook. */
  setFault(fault: ((call: DiskCall) => DiskFault | undefined) | undefined): void {
    this.#fault = fault;
  }

  /** Each call takes so many times as long, until what is returned is called. */
  slowDown(factor: number): () => void {
    return this.#slowness.begin(factor);
  }

  /** Others leave so little of the disk to its owner, until what is returned is called. */
  fillUp(bytes: number): () => void {
    return this.#shortage.begin(bytes);
  }

  /** Ends all slowness and shortage. */
  relieve(): void {
    this.#slowness.clear();
    this.#shortage.clear();
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  /** A file as it is now, for checks and for damage. Throws DiskError ENOENT. */
  image(name: string): FileImage {
    return this.#directory.get(name);
  }

  names(): string[] {
    return [...this.#directory.names.keys()].sort();
  }

  /** Puts a file there, durable, as if it had always been. */
  put(name: string, bytes: Uint8Array): void {
    this.#directory.remove(name);
    this.#directory.create(name).fill(bytes.slice());
    this.#directory.sync();
  }

  /** Removes a file, durably. */
  erase(name: string): void {
    this.#directory.remove(name);
    this.#directory.sync();
  }

  /** What surely is on the medium of this file; undefined = not even its name. */
  durable(name: string): Uint8Array | undefined {
    return this.#directory.durable.get(name)?.durable();
  }

  /** A disk of its own, as this one would be after the worst crash: nothing of what was not synced is there. */
  afterWorstCrash(): SimulatedDisk {
    const copy = new SimulatedDisk({ random: this.#options.random, path: this.path });
    for (const [name, file] of this.#directory.durable) {
      copy.#directory.create(name).fill(file.durable());
    }
    copy.#directory.sync();
    return copy;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const file of this.#directory.names.values()) sum += file.size;
    return sum;
  }

  /**
   * One call of a view: its time, its fault, then its effect; `partial` is the effect of a short write,
   * `finish` what holds only once the call has ended. For the views only.
   */
  async call<T>(
    life: number,
    kind: DiskCallKind,
    name: string,
    run: (directory: DirectoryImage) => T,
    partial?: () => void,
    finish?: () => void,
  ): Promise<T> {
    const whole = WITHOUT_EFFECT.has(kind);
    await this.#delay(whole ? 1 : 0.5);
    this.#checkLife(life);
    const number = ++this.#calls;
    const fault = this.#fault?.({ number, kind, name });
    if (fault?.kind === 'crash-before') this.crash();
    this.#checkLife(life);
    if (fault?.kind === 'short') partial?.();
    if (fault?.kind === 'lost' && kind === 'write-durable') run(this.#directory);
    if (fault?.kind === 'error' || fault?.kind === 'short' || fault?.kind === 'lost') {
      const loses = kind === 'sync' || (fault.kind === 'lost' && kind === 'write-durable');
      if (loses) this.#directory.names.get(name)?.failSync(this.#options.random);
      throw new DiskError(fault.code, `cannot ${kind} ${name}: ${fault.code} (simulated)`);
    }
    let result: T;
    try {
      result = run(this.#directory);
    } finally {
      if (fault?.kind === 'crash-after') this.crash();
      if (fault?.kind === 'kill-after') this.kill();
    }
    // The other half of the time passes with the effect in memory only: a crash can tear it.
    if (!whole) await this.#delay(0.5);
    this.#checkLife(life);
    finish?.();
    return result;
  }

  /** Takes the lock for a view. */
  takeLock(life: number): void {
    if (this.#lockedInLife === life) {
      throw new DiskError('ELOCKED', `another process uses the data directory ${this.path}`);
    }
    this.#lockedInLife = life;
  }

  releaseLock(life: number): void {
    if (this.#lockedInLife === life) this.#lockedInLife = -1;
  }

  /** Fails with ENOSPC when a file cannot grow by so much. */
  checkSpace(growthBytes: number): void {
    if (
      growthBytes > 0 &&
      this.usedBytes + growthBytes > Math.min(this.#capacityBytes, this.#shortage.value)
    ) {
      throw new DiskError('ENOSPC', 'no space left on the simulated disk');
    }
  }

  get random(): Random {
    return this.#options.random;
  }

  get lyingSyncs(): boolean {
    return this.#lyingSyncs;
  }

  /** From now on syncs are reported as done without being done. */
  lie(): void {
    this.#lyingSyncs = true;
  }

  #checkLife(life: number): void {
    if (life !== this.#life) throw new DiskError('ECRASHED', 'the simulated process is dead');
  }

  #delay(share: number): Promise<void> {
    const { latencyMs, clock, random } = this.#options;
    if (!latencyMs || !clock) return Promise.resolve();
    const drawn = latencyMs.min + random.float() * (latencyMs.max - latencyMs.min);
    const delayMs = drawn * this.#slowness.value * share;
    return new Promise((resolve) => clock.after(delayMs, resolve));
  }
}

class MountedDisk implements Disk {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #life: number;

  constructor(disk: SimulatedDisk, life: number) {
    this.#disk = disk;
    this.#life = life;
    this.path = disk.path;
  }

  list(): Promise<FileInfo[]> {
    return this.#disk.call(this.#life, 'list', '', ({ names }) =>
      [...names].map(([name, file]) => ({ name, sizeBytes: file.size })),
    );
  }

  open(name: string, mode: OpenMode): Promise<DiskFile> {
    const kind = mode === 'create' ? 'create' : 'open';
    return this.#disk.call(this.#life, kind, name, (directory) => {
      const image = mode === 'create' ? directory.create(name) : directory.get(name);
      return new SimulatedFile(this.#disk, this.#life, name, image);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.call(this.#life, 'rename', from, (directory) => directory.rename(from, to));
  }

  remove(name: string): Promise<void> {
    return this.#disk.call(this.#life, 'remove', name, (directory) => directory.remove(name));
  }

  syncDirectory(): Promise<void> {
    return this.#disk.call(this.#life, 'sync-directory', '', (directory) => {
      if (!this.#disk.lyingSyncs) directory.sync();
    });
  }

  lock(): Promise<{ release(): Promise<void> }> {
    return this.#disk.call(this.#life, 'lock', 'dqlite-lock', () => {
      this.#disk.takeLock(this.#life);
      return { release: async () => this.#disk.releaseLock(this.#life) };
    });
  }
}

class SimulatedFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #life: number;
  readonly #name: string;
  readonly #image: FileImage;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(disk: SimulatedDisk, life: number, name: string, image: FileImage) {
    this.#disk = disk;
    this.#life = life;
    this.#name = name;
    this.#image = image;
  }

  read(offset: number, target: Uint8Array): Promise<number> {
    return this.#call('read', () => this.#image.read(offset, target));
  }

  write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#call(
      'write',
      () => this.#write(offset, chunks, 1),
      () => this.#write(offset, chunks, this.#disk.random.float()),
    );
  }

  writeDurable(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return this.#call(
      'write-durable',
      () => this.#write(offset, chunks, 1),
      () => this.#write(offset, chunks, this.#disk.random.float()),
      () => {
        if (!this.#disk.lyingSyncs) this.#image.syncRange(offset, length);
      },
    );
  }

  sync(): Promise<void> {
    return this.#call('sync', () => {
      if (!this.#disk.lyingSyncs) this.#image.sync();
    });
  }

  allocate(sizeBytes: number): Promise<void> {
    return this.#call(
      'allocate',
      () => {
        this.#disk.checkSpace(sizeBytes - this.#image.size);
        this.#image.allocate(sizeBytes);
      },
      () => this.#image.allocate(Math.floor(this.#disk.random.float() * sizeBytes)),
    );
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#call('truncate', () => this.#image.truncate(sizeBytes));
  }

  close(): Promise<void> {
    const closed = this.#call('close', () => undefined);
    this.#closed = true;
    return closed;
  }

  #call<T>(
    kind: DiskCallKind,
    run: () => T,
    partial?: () => void,
    finish?: () => void,
  ): Promise<T> {
    if (this.#closed) return Promise.reject(new DiskError('EBADF', `${this.#name} is closed`));
    const go = () => this.#disk.call(this.#life, kind, this.#name, run, partial, finish);
    const result = this.#last.then(go, go);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Writes the chunks, or a part of them that ends with a sector: sectors are written whole or not at all. */
  #write(offset: number, chunks: readonly Uint8Array[], part: number): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#disk.checkSpace(offset + length - this.#image.size);
    const end = Math.floor((offset + length * part) / SECTOR_BYTES) * SECTOR_BYTES;
    let left = part === 1 ? length : Math.max(0, end - offset);
    let at = offset;
    for (const chunk of chunks) {
      const taken = Math.min(left, chunk.length);
      this.#image.write(at, chunk.subarray(0, taken));
      at += taken;
      left -= taken;
    }
  }
}
