import { isTimedDirectory, readDrizzleDirectories, readPrisma } from './folder-directories.ts';
import { readDrizzle } from './folder-drizzle.ts';
import { isFlyway, readFlyway } from './folder-flyway.ts';
import { isGoose } from './folder-goose.ts';
import { readNumbered, refuseModules } from './folder-numbered.ts';
import { folderError, readText } from './folder-text.ts';
import type {
  FolderFormat,
  FolderMigration,
  FolderOptions,
  MigrationFiles,
  MigrationFolder,
} from './folder-types.ts';

const FILES_MAX = 20_000;

/**
 * Reads a directory of migrations as this or another tool wrote it. Throws QuorateError MIGRATION_FOLDER,
 * MIGRATION_DUPLICATE or MIGRATION_GAP; the text says what to do.
 * @example const { migrations } = await readFolder(files, 'migrations');
 */
export async function readFolder(
  files: MigrationFiles,
  directory: string,
  { format: wanted = 'auto', gaps = false }: FolderOptions = {},
): Promise<MigrationFolder> {
  const names = await namesIn(files, directory);
  const format = wanted === 'auto' ? await recognised(files, directory, names) : wanted;
  const folder = await read(files, directory, names, { format, gaps });
  if (folder.migrations.length + folder.repeatable.length === 0) {
    throw folderError(directory, `no migration is in it in the layout of ${format}`);
  }
  return folder;
}

async function namesIn(files: MigrationFiles, directory: string): Promise<string[]> {
  const names = await files.list(directory).catch((cause: unknown) => {
    throw folderError(directory, 'no such directory, or no access; correct the path', cause);
  });
  if (names.length > FILES_MAX) throw folderError(directory, `holds more than ${FILES_MAX} files`);
  return names.filter((name) => !name.startsWith('.')).toSorted();
}

async function recognised(
  files: MigrationFiles,
  directory: string,
  names: readonly string[],
): Promise<FolderFormat> {
  if (names.includes('migration_lock.toml')) return 'prisma';
  const texts = names.filter((name) => name.endsWith('.sql'));
  if (names.includes('meta')) {
    const meta = await files.list(`${directory}/meta`).catch(() => undefined);
    if (meta?.includes('_journal.json')) return 'drizzle';
    if (texts.length > 0) throw folderError(directory, 'meta/_journal.json is missing; restore it');
  }
  if (texts.length === 0 && names.some(isTimedDirectory)) return 'drizzle-v1';
  if (texts.some(isFlyway)) return 'flyway';
  if (texts.some((name) => /\.(?:up|down)\.sql$/.test(name))) return 'golang-migrate';
  const first = texts[0];
  if (first === undefined) {
    refuseModules(directory, names);
    throw folderError(directory, "no migration is in it; its files are named like '0001_name.sql'");
  }
  return isGoose((await readText(files, `${directory}/${first}`)).text) ? 'goose' : 'plain';
}

async function read(
  files: MigrationFiles,
  directory: string,
  names: readonly string[],
  { format, gaps }: { readonly format: FolderFormat; readonly gaps: boolean },
): Promise<MigrationFolder> {
  const texts = names.filter((name) => name.endsWith('.sql'));
  const only = (migrations: FolderMigration[]) => ({ format, migrations, repeatable: [] });
  switch (format) {
    case 'prisma':
      return only(await readPrisma(files, directory, names));
    case 'drizzle':
      return only(await readDrizzle(files, directory, names));
    case 'drizzle-v1':
      return only(await readDrizzleDirectories(files, directory, names));
    case 'flyway':
      return { format, ...(await readFlyway(files, directory, texts)) };
    case 'plain':
    case 'golang-migrate':
    case 'goose':
      refuseModules(directory, names);
      return only(await readNumbered(files, directory, texts, { format, gaps }));
  }
}
