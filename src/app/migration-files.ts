import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { printable, QuorateError } from '../base/index.ts';
import {
  defineMigrations,
  type FolderMigration,
  type FolderOptions,
  type MigrationFiles,
  type Migrations,
  readFolder,
  type StepOrigin,
  sqlMigration,
} from '../migrate/index.ts';

/** Migrations on the disks of this machine. */
export const migrationFiles: MigrationFiles = {
  list: (directory) => readdir(directory),
  read: (path) => readFile(path),
};

export interface MigrationsFromFolderOptions extends FolderOptions {
  /** The line of migrations that the directory is. Default 'app'. */
  readonly namespace?: string | undefined;
}

/**
 * Declares the migrations of a directory, in the layout of this or another tool (docs/migrations.md). Throws QuorateError: MIGRATION_FOLDER,
 * MIGRATION_DUPLICATE, MIGRATION_GAP, BAD_MIGRATIONS.
 * @example const migrations = await migrationsFromFolder('migrations');
 */
export async function migrationsFromFolder(
  directory: string,
  { namespace, ...options }: MigrationsFromFolderOptions = {},
): Promise<Migrations> {
  const folder = await readFolder(migrationFiles, directory, options);
  const [again] = folder.repeatable;
  if (again !== undefined) {
    throw new QuorateError(
      'MIGRATION_FOLDER',
      `${printable(again.source)}: a script that runs again after each change has no place in a history; make a numbered migration of it`,
    );
  }
  return defineMigrations({
    namespace,
    entries: folder.migrations.map(({ name, sql, kind, source, ...file }) => {
      if (kind !== 'data') return sqlMigration(name, sql, { kind, origin: originOf(file) });
      throw new QuorateError(
        'BAD_MIGRATIONS',
        `${printable(basename(source))} is of kind data: a backfill in batches is declared in code, with batchMigration`,
      );
    }),
  });
}

function originOf({
  version,
  when,
  fileDigest,
  text,
}: Pick<FolderMigration, 'version' | 'when' | 'fileDigest' | 'text'>): StepOrigin {
  return { version, when, fileDigest, flywayChecksum: flywayChecksum(text) };
}

/** Flyway takes the lines without their ends. */
function flywayChecksum(text: string): number {
  const lines = text.endsWith('\n') ? text.slice(0, -1) : text;
  return lines.split('\n').reduce((sum, line) => crc32(line, sum), 0) | 0;
}
