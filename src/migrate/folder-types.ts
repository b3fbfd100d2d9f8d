import type { MigrationKind } from '../schema/index.ts';

/** Access to files, given from outside: this room touches none itself. Paths use '/'. */
export interface MigrationFiles {
  /** Names of what is directly in a directory, in any order; fails when there is no such directory. */
  list(directory: string): Promise<string[]>;
  /** Fails when there is no such file. */
  read(path: string): Promise<Uint8Array>;
}

/** Layouts of a directory of migrations. */
export type FolderFormat =
  | 'plain'
  | 'golang-migrate'
  | 'flyway'
  | 'goose'
  | 'drizzle'
  | 'drizzle-v1'
  | 'prisma';

export const FOLDER_FORMATS: readonly FolderFormat[] = [
  'plain',
  'golang-migrate',
  'flyway',
  'goose',
  'drizzle',
  'drizzle-v1',
  'prisma',
];

/** One migration of a directory. */
export interface FolderMigration {
  /** Its identity: the file's name without kind and endings, or the directory's name. */
  readonly name: string;
  readonly kind: MigrationKind;
  /** The way up, with line ends of LF and without a byte order mark. */
  readonly sql: string;
  /** The way back, where the format has one. Kept for the reader: nothing here runs it. */
  readonly down?: string | undefined;
  /** SHA-256 of `sql`, in 64 digits: the same as `sqlMigration(name, sql)` has. */
  readonly checksum: string;
  /** Where it was read. */
  readonly source: string;
  /** SHA-256 of the file as it is, which Drizzle and Prisma remember. */
  readonly fileDigest: string;
  /** The same of the text with line ends of LF, and of CR LF: a checkout may have changed them. */
  readonly lineEndDigests: readonly string[];
  /** The whole file, as `sql` is normalised; Flyway's checksum is taken of its lines. */
  readonly text: string;
  /** What golang-migrate, goose and Flyway call it, without leading zeros: '12', '1.2'. */
  readonly version?: string | undefined;
  /** When it was made, in ms: how Drizzle remembers it. */
  readonly when?: number | undefined;
}

/** What a directory holds. */
export interface MigrationFolder {
  readonly format: FolderFormat;
  /** In the order in which they are applied. */
  readonly migrations: readonly FolderMigration[];
  /** Flyway's `R__` scripts, which it runs again after each change: they have no place in a history. By name. */
  readonly repeatable: readonly FolderMigration[];
}

export interface FolderOptions {
  /** Default 'auto': the layout is told from the names, goose from its markers. */
  readonly format?: 'auto' | FolderFormat | undefined;
  /** Accepts sequence numbers with gaps between them. */
  readonly gaps?: boolean | undefined;
}
