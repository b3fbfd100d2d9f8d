/** A failed disk operation. `code` is the operating system's name: ENOSPC, EIO, EACCES, ENOENT, … */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface FileInfo {
  readonly name: string;
  readonly sizeBytes: number;
}

/** How `Disk.open` treats the file. */
export type OpenMode =
  /** must exist; read only */
  | 'read'
  /** must exist; read and write in place */
  | 'write'
  /** must not exist; read and write */
  | 'create';

/** One open file. Operations on one file run in the order in which they were called. */
export interface DiskFile {
  /** Fills `target` from `offset`; resolves to the number of bytes read, less only at the end. */
  read(offset: number, target: Uint8Array): Promise<number>;
  /** Writes all chunks one after another from `offset`. Durable only after `sync` or with `durable`. */
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** As `write`, durable (data, and size if it grew) when it resolves; one system call if possible. */
  writeDurable(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** fdatasync: everything written to this file is durable when it resolves. */
  sync(): Promise<void>;
  /** Reserves and zero-fills up to `sizeBytes`; fails with ENOSPC rather than later in `write`. */
  allocate(sizeBytes: number): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** One flat directory. Names have no path. Everything fails with DiskError. */
export interface Disk {
  /** Where it is, for messages. */
  readonly path: string;
  list(): Promise<FileInfo[]>;
  open(name: string, mode: OpenMode): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; no error if it does not exist. */
  remove(name: string): Promise<void>;
  /** Makes creations, renames and removals durable. */
  syncDirectory(): Promise<void>;
  /** Takes the exclusive lock `dqlite-lock` (disk-format.md §10). DiskError ELOCKED if another process holds it. */
  lock(): Promise<{ release(): Promise<void> }>;
}
