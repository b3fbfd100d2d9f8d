import { stat } from 'node:fs/promises';
import { importModule, migrationsFromFolder } from '../app/index.ts';
import { printable, QuorateError } from '../base/index.ts';
import { FOLDER_FORMATS, type FolderFormat, Migrations } from '../migrate/index.ts';
import {
  type CommandInput,
  type OptionConfig,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';

const FORMATS = [...FOLDER_FORMATS, 'modules'] as const;

/** Where migrations are declared: options of every command that needs to know them. */
export const SOURCE_OPTIONS = {
  migrations: {
    type: 'string',
    short: 'm',
    value: 'PATH',
    help: 'a directory of migrations, or a module that exports `migrations`',
  },
  format: {
    type: 'string',
    value: 'NAME',
    help: `layout of the directory: ${FORMATS.join(', ')}`,
  },
  gaps: { type: 'boolean', help: 'the numbers in the directory may have gaps' },
} as const satisfies Readonly<Record<string, OptionConfig>>;

/**
 * The migrations that --migrations names, of the namespace that --namespace names if it does. A directory holds those of one. Throws UsageError,
 * MIGRATION_FOLDER, MIGRATION_DUPLICATE, MIGRATION_GAP, BAD_MIGRATIONS.
 */
export async function declaredMigrations(input: CommandInput): Promise<readonly Migrations[]> {
  const path = requiredOption(input, 'migrations');
  const namespace = textOption(input, 'namespace');
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true) {
    const options = { namespace, format: formatOf(input), gaps: input.values.gaps === true };
    return [await migrationsFromFolder(path, options)];
  }
  const all = await migrationsOfModule(path);
  const own = all.filter((each) => namespace === undefined || each.namespace === namespace);
  if (own.length > 0) return own;
  const names = all.map((each) => each.namespace).join(', ');
  throw new UsageError(`${printable(path)} has no namespace "${namespace}", only ${names}`);
}

export function formatOf(input: CommandInput): FolderFormat | 'modules' | undefined {
  const text = textOption(input, 'format');
  if (text === undefined) return undefined;
  const format = FORMATS.find((each) => each === text);
  if (format === undefined) {
    throw new UsageError(`--format must be one of ${FORMATS.join(', ')}`);
  }
  return format;
}

const MODULE = /\.[cm]?[jt]s$/;

/** What a module exports as `migrations`, or by default. Runs the module. Throws BAD_MIGRATIONS. */
export async function migrationsOfModule(path: string): Promise<readonly Migrations[]> {
  if (!MODULE.test(path)) {
    throw bad(path, 'is neither a directory nor a module (.js, .mjs, .ts)');
  }
  const exported = await importModule(path, 'the .js file', (reason, cause) => {
    return bad(path, reason, cause);
  });
  const value = exported.migrations ?? exported.default;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const migrations = list.filter((each) => each instanceof Migrations);
  if (migrations.length === list.length && list.length > 0) return distinct(path, migrations);
  if (list.some(isForeign)) {
    throw bad(
      path,
      'was made with another copy of Quorate than this program: run the one of the project, for example with npx quorate',
    );
  }
  throw bad(path, 'exports no `migrations` (or default) that defineMigrations has made');
}

function distinct(path: string, all: readonly Migrations[]): readonly Migrations[] {
  const names = all.map(({ namespace }) => namespace);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return all;
  throw bad(path, `exports the namespace ${twice} twice`);
}

/** Another copy's class has the same name and is another class. */
function isForeign(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'program' in value &&
    'namespace' in value &&
    !(value instanceof Migrations)
  );
}

function bad(path: string, what: string, cause?: unknown): QuorateError {
  return new QuorateError('BAD_MIGRATIONS', printable(`${path} ${what}`), { cause });
}
