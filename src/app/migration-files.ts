import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { printable, QuorateError } from '../base/index.ts';
import {
  defineMigrations,
  type FolderMigration,
  type FolderOptions,
  holdsModules,
  type Migrations,
  type ModuleFiles,
  readFolder,
  readModules,
  type StepOrigin,
  sqlMigration,
  type TransactionHandle,
} from '../migrate/index.ts';
import { importModule } from './import-module.ts';

/** Migrations on the disks of this machine. */
export const migrationFiles: ModuleFiles = {
  list: (directory) => readdir(directory),
  read: (path) => readFile(path),
  load: loadModule,
};

export interface MigrationsFromFolderOptions extends Omit<FolderOptions, 'format'> {
  /** Default 'auto'. 'modules': files that export `up`, of Kysely, Knex or Umzug. */
  readonly format?: FolderOptions['format'] | 'modules' | undefined;
  /** Of modules: makes what `up` is called with, such as a query builder on the transaction. */
  readonly handle?: TransactionHandle | undefined;
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
  { namespace, handle, format = 'auto', gaps }: MigrationsFromFolderOptions = {},
): Promise<Migrations> {
  const modules = format === 'auto' && (await holdsModules(migrationFiles, directory));
  if (format === 'modules' || modules) {
    const entries = await readModules(migrationFiles, directory, handle);
    return defineMigrations({ namespace, entries });
  }
  const folder = await readFolder(migrationFiles, directory, { format, gaps });
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

function loadModule(path: string): Promise<unknown> {
  return importModule(path, 'the directory of the .js files', (reason, cause) => {
    return new QuorateError('MIGRATION_FOLDER', printable(`${path} ${reason}`), { cause });
  });
}

function originOf({
  version,
  when,
  fileDigest,
  lineEndDigests,
  text,
}: Pick<
  FolderMigration,
  'version' | 'when' | 'fileDigest' | 'lineEndDigests' | 'text'
>): StepOrigin {
  return { version, when, fileDigest, lineEndDigests, flywayChecksum: flywayChecksum(text) };
}

/** Flyway takes the lines without their ends. */
function flywayChecksum(text: string): number {
  const lines = text.endsWith('\n') ? text.slice(0, -1) : text;
  return lines.split('\n').reduce((sum, line) => crc32(line, sum), 0) | 0;
}
