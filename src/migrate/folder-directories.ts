import { withoutBreakpoints } from './folder-drizzle.ts';
import { inOrder } from './folder-order.ts';
import { folderError, folderMigration, readText } from './folder-text.ts';
import type { FolderMigration, MigrationFiles } from './folder-types.ts';

/** `20260101120000_name`: a directory with the file `migration.sql`. */
const TIMED = /^(\d{14})_[^/\\]+$/;
const LOCK = 'migration_lock.toml';

/** Whether a name is that of a migration with a directory of its own. */
export function isTimedDirectory(name: string): boolean {
  return TIMED.test(name) && !/\.[A-Za-z]{2,4}$/.test(name);
}

/** Directories of Prisma Migrate, in the order of their names. Throws MIGRATION_FOLDER for another database's. */
export async function readPrisma(
  files: MigrationFiles,
  directory: string,
  names: readonly string[],
): Promise<FolderMigration[]> {
  if (names.includes(LOCK)) {
    const { source, text } = await readText(files, `${directory}/${LOCK}`);
    const provider = /^\s*provider\s*=\s*"([^"]*)"/m.exec(text)?.[1];
    if (provider !== 'sqlite') {
      throw folderError(
        source,
        `the provider is ${provider ?? 'unknown'}; only sqlite can be read`,
      );
    }
  }
  // Prisma orders by the whole name: two migrations of one second are no mistake there.
  const migrations: FolderMigration[] = [];
  for (const name of names.filter(isTimedDirectory).toSorted()) {
    const read = await readText(files, `${directory}/${name}/migration.sql`);
    migrations.push(folderMigration(read, { name }));
  }
  return migrations;
}

/** Directories of drizzle-kit 1, in the order of their names. */
export async function readDrizzleDirectories(
  files: MigrationFiles,
  directory: string,
  names: readonly string[],
): Promise<FolderMigration[]> {
  const timed = names.filter(isTimedDirectory).map((name) => ({
    file: name,
    number: [BigInt(name.slice(0, 14))],
  }));
  const migrations: FolderMigration[] = [];
  for (const { file } of inOrder(timed)) {
    const read = await readText(files, `${directory}/${file}/migration.sql`);
    const sql = withoutBreakpoints(read);
    migrations.push(folderMigration(read, { name: file, sql, when: timeOf(file) }));
  }
  return migrations;
}

/** The time in a directory's name, in ms; its digits are those of UTC. */
function timeOf(name: string): number {
  const part = (from: number, to: number) => Number(name.slice(from, to));
  return Date.UTC(part(0, 4), part(4, 6) - 1, part(6, 8), part(8, 10), part(10, 12), part(12, 14));
}
