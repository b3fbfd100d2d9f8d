import { type Disk, DiskError, type DiskFile, type FileInfo } from '../../src/base/index.ts';

/** A directory in memory, without faults. */
export class MemoryDisk implements Disk {
  readonly path = 'memory';
  readonly files: Map<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.files = new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
  }

  async list(): Promise<FileInfo[]> {
    return [...this.files].map(([name, { length }]) => ({ name, sizeBytes: length }));
  }

  async open(name: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const exists = this.files.has(name);
    if (exists === (mode === 'create')) throw new DiskError(exists ? 'EEXIST' : 'ENOENT', name);
    if (mode === 'create') this.files.set(name, new Uint8Array());
    return new MemoryFile(this.files, name);
  }

  async rename(from: string, to: string): Promise<void> {
    const bytes = this.files.get(from);
    if (bytes === undefined) throw new DiskError('ENOENT', from);
    this.files.delete(from);
    this.files.set(to, bytes);
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }

  async syncDirectory(): Promise<void> {}

  async lock(): Promise<{ release(): Promise<void> }> {
    return { release: async () => undefined };
  }
}

class MemoryFile implements DiskFile {
  readonly #files: Map<string, Uint8Array>;
  #name: string;

  constructor(files: Map<string, Uint8Array>, name: string) {
    this.#files = files;
    this.#name = name;
  }

  get #bytes(): Uint8Array {
    return this.#files.get(this.#name) ?? new Uint8Array();
  }

  async read(offset: number, target: Uint8Array): Promise<number> {
    const part = this.#bytes.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  async write(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      await this.allocate(offset + chunk.length);
      this.#bytes.set(chunk, offset);
      offset += chunk.length;
    }
  }

  async writeDurable(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.write(offset, chunks);
  }

  async sync(): Promise<void> {}

  async allocate(sizeBytes: number): Promise<void> {
    if (sizeBytes <= this.#bytes.length) return;
    const grown = new Uint8Array(sizeBytes);
    grown.set(this.#bytes);
    this.#files.set(this.#name, grown);
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.allocate(sizeBytes);
    this.#files.set(this.#name, this.#bytes.slice(0, sizeBytes));
  }

  async close(): Promise<void> {}
}
