import { inOrder, type Numbered } from './folder-order.ts';
import { folderError, folderMigration, readText } from './folder-text.ts';
import type { FolderMigration, MigrationFiles } from './folder-types.ts';

const KIND = '(?:\\.(expand|data|contract|breaking))?';
const VERSIONED = new RegExp(`^(([VU])(\\d+(?:[._]\\d+)*)__.+?)${KIND}\\.sql$`);
const REPEATABLE = new RegExp(`^(R__.+?)${KIND}\\.sql$`);

interface VersionedFile extends Numbered {
  readonly name: string;
  readonly named: string | undefined;
}

/** Whether a name is one of Flyway's. */
export function isFlyway(name: string): boolean {
  return VERSIONED.test(name) || REPEATABLE.test(name);
}

/** A directory of Flyway. Numbers may have parts and gaps, as there. */
export async function readFlyway(
  files: MigrationFiles,
  directory: string,
  names: readonly string[],
): Promise<{ migrations: FolderMigration[]; repeatable: FolderMigration[] }> {
  const versioned: VersionedFile[] = [];
  const undo = new Map<string, string>();
  const repeatable: FolderMigration[] = [];
  for (const file of names.toSorted()) {
    const [, name, letter, digits, named] = VERSIONED.exec(file) ?? [];
    const [, again, kind] = REPEATABLE.exec(file) ?? [];
    if (again !== undefined) {
      const read = await readText(files, `${directory}/${file}`);
      repeatable.push(folderMigration(read, { name: again, named: kind }));
    } else if (name === undefined || digits === undefined) {
      throw folderError(
        `${directory}/${file}`,
        "not a name of Flyway; name it like 'V1__name.sql', or move it elsewhere",
      );
    } else {
      const number = flywayVersion(digits);
      if (letter === 'U') undo.set(number.join('.'), file);
      else versioned.push({ name, file, named, number });
    }
  }
  const migrations: FolderMigration[] = [];
  for (const { name, file, named, number } of inOrder(versioned)) {
    const read = await readText(files, `${directory}/${file}`);
    const version = number.join('.');
    const back = undo.get(version);
    const down =
      back === undefined ? undefined : (await readText(files, `${directory}/${back}`)).text;
    migrations.push(folderMigration(read, { name, named, version, down }));
  }
  return { migrations, repeatable };
}

/** The parts of a version without zeros at its end: 1.0 is 1. */
export function flywayVersion(text: string): bigint[] {
  const parts = text.split(/[._]/).map(BigInt);
  while (parts.length > 1 && parts.at(-1) === 0n) parts.pop();
  return parts;
}
