import { printable } from '../base/index.ts';
import { gooseParts } from './folder-goose.ts';
import { inOrder, type Numbered, refuseGaps } from './folder-order.ts';
import { folderError, folderMigration, readText } from './folder-text.ts';
import type { FolderFormat, FolderMigration, MigrationFiles } from './folder-types.ts';

/** `0001_name.expand.up.sql`: number, name, and perhaps kind and direction. */
const NUMBERED = /^((\d{1,20})[_-].+?)(?:\.(expand|data|contract|breaking))?(?:\.(up|down))?\.sql$/;

interface NumberedFile extends Numbered {
  readonly name: string;
  readonly named: string | undefined;
}

/** A directory of plain, golang-migrate's or goose's files, which are ordered by the number they begin with. */
export async function readNumbered(
  files: MigrationFiles,
  directory: string,
  names: readonly string[],
  { format, gaps }: { readonly format: FolderFormat; readonly gaps: boolean },
): Promise<FolderMigration[]> {
  const ups: NumberedFile[] = [];
  const downs = new Map<string, string>();
  for (const file of names) {
    const [, name, digits, named, direction] = NUMBERED.exec(file) ?? [];
    if (name === undefined || digits === undefined) {
      throw folderError(
        `${directory}/${file}`,
        "no number is at its beginning; name it like '0001_name.sql', or move it elsewhere",
      );
    }
    if (direction === 'down') downs.set(name, file);
    else ups.push({ name, file, named, number: [BigInt(digits)] });
  }
  const sorted = inOrder(ups);
  if (!gaps) refuseGaps(sorted);
  const migrations: FolderMigration[] = [];
  for (const each of sorted) {
    const down = downs.get(each.name);
    downs.delete(each.name);
    migrations.push(await readOne(files, directory, each, { format, down }));
  }
  for (const file of downs.values()) {
    throw folderError(`${directory}/${file}`, 'the file with the way up is missing; restore it');
  }
  return migrations;
}

async function readOne(
  files: MigrationFiles,
  directory: string,
  { name, file, named, number }: NumberedFile,
  { format, down }: { readonly format: FolderFormat; readonly down: string | undefined },
): Promise<FolderMigration> {
  const read = await readText(files, `${directory}/${file}`);
  const common = { name, named, version: number.join('.') };
  if (format === 'goose') {
    const parts = gooseParts(read.source, read.text);
    return folderMigration(read, { ...common, sql: parts.up, down: parts.down });
  }
  if (down === undefined) return folderMigration(read, common);
  const back = await readText(files, `${directory}/${down}`);
  return folderMigration(read, { ...common, down: back.text });
}

/** Modules of other tools cannot be read here, and one left out would be a migration lost. */
export function refuseModules(directory: string, names: readonly string[]): void {
  const module = names.find(
    (name) => /^\d.*\.(?:[cm]?[jt]s|go|java|py)$/.test(name) && !/\.d\.[cm]?ts$/.test(name),
  );
  if (module === undefined) return;
  throw folderError(
    `${directory}/${printable(module)}`,
    'a program cannot be read as a migration; declare it with codeMigration, or write it as SQL',
  );
}
