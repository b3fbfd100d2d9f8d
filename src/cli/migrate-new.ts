import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { migrationFiles } from '../app/index.ts';
import { printable, QuorateError } from '../base/index.ts';
import { type FolderFormat, readFolder } from '../migrate/index.ts';
import {
  type Command,
  type CommandInput,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';
import { atMostWords, JSON_OPTION } from './migrate-common.ts';
import { isNewFormat, NEW_FORMATS, type NewFile, newFile } from './migrate-new-name.ts';
import { formatOf, SOURCE_OPTIONS } from './migrate-source.ts';

const KINDS = ['expand', 'contract', 'breaking'];

/** `quorate migrate new`. */
export const newCommand: Command = {
  name: 'new',
  summary: 'write the file of the next migration into a directory',
  usage: 'quorate migrate new NAME -m DIRECTORY [options]',
  description:
    'Writes a file with the next number, in the layout that the directory has; makes the directory when there is none. Nothing is ever overwritten.',
  options: {
    ...SOURCE_OPTIONS,
    migrations: {
      type: 'string',
      short: 'm',
      value: 'DIRECTORY',
      help: 'where the migrations are',
    },
    kind: { type: 'string', value: 'KIND', help: `${KINDS.join(', ')}; default: breaking` },
    ...JSON_OPTION,
  },
  examples: ['quorate migrate new add_email -m migrations --kind expand'],
  run: runNew,
};

async function runNew(input: CommandInput): Promise<number> {
  atMostWords(input, 1);
  const [name = ''] = input.positionals;
  if (!/[\p{L}\p{N}]/u.test(name))
    throw new UsageError('name the migration, for example add_email');
  const kind = textOption(input, 'kind') ?? 'breaking';
  if (!KINDS.includes(kind)) {
    throw new UsageError(
      `--kind must be one of ${KINDS.join(', ')}; backfills are declared in code`,
    );
  }
  const directory = requiredOption(input, 'migrations');
  const names = await namesIn(directory);
  const wanted = formatOf(input) ?? (await formatIn(directory, names, input.values.gaps === true));
  if (wanted === 'modules') {
    throw new QuorateError(
      'MIGRATION_FOLDER',
      `modules are made by their own tool; this command writes ${NEW_FORMATS.join(', ')}`,
    );
  }
  if (!isNewFormat(wanted)) {
    throw new QuorateError(
      'MIGRATION_FOLDER',
      `${printable(directory)} is a directory of ${wanted}, whose journal only its own tool can keep (drizzle-kit generate); this command writes ${NEW_FORMATS.join(', ')}`,
    );
  }
  const path = await writeNewFile(
    directory,
    newFile(wanted, names, { name, kind, nowMs: Date.now() }),
  );
  console.log(input.values.json === true ? JSON.stringify({ path }) : printable(path));
  return 0;
}

/** Empty when there is no such directory. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw unusable(directory, 'cannot be read as a directory', cause);
  }
}

/** The layout of what is there: a file of another one would be in the way of reading it. */
async function formatIn(
  directory: string,
  names: readonly string[],
  gaps: boolean,
): Promise<FolderFormat> {
  if (names.every((name) => name.startsWith('.'))) return 'plain';
  if (names.includes('migration_lock.toml')) return 'prisma';
  return (await readFolder(migrationFiles, directory, { gaps })).format;
}

/** Writes a file that is not there yet; resolves to its path. Throws MIGRATION_FOLDER. */
export async function writeNewFile(directory: string, { path, text }: NewFile): Promise<string> {
  const file = join(directory, path);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: 'wx' });
    return file;
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    throw unusable(
      file,
      exists ? 'is there already; it is left as it is' : 'cannot be written',
      cause,
    );
  }
}

function unusable(path: string, what: string, cause: unknown): QuorateError {
  return new QuorateError('MIGRATION_FOLDER', `${printable(path)} ${what}`, { cause });
}
