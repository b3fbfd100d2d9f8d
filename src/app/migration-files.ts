import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { printable, QuorateError } from '../base/index.ts';
import {
  defineMigrations,
  type FolderOptions,
  type MigrationFiles,
  type Migrations,
  readFolder,
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
    entries: folder.migrations.map(({ name, sql, kind, source }) => {
      if (kind !== 'data') return sqlMigration(name, sql, { kind });
      throw new QuorateError(
        'BAD_MIGRATIONS',
        `${printable(basename(source))} is of kind data: a backfill in batches is declared in code, with batchMigration`,
      );
    }),
  });
}
