import { printable, QuorateError } from '../base/index.ts';
import type { Transaction } from '../client/index.ts';
import { digestOf, MIGRATION_KINDS, type MigrationKind } from '../schema/index.ts';
import { fieldsOf } from './fields-of.ts';
import { duplicate } from './folder-order.ts';
import { folderError } from './folder-text.ts';
import type { MigrationFiles } from './folder-types.ts';
import { type CodeStep, codeMigration } from './steps.ts';

const MODULE = /^(.+)\.[cm]?[jt]s$/;
const DECLARATIONS = /\.d\.[cm]?ts$/;
const FILES_MAX = 20_000;

/** Files, and how a program loads one of them as a module. */
export interface ModuleFiles extends MigrationFiles {
  load(path: string): Promise<unknown>;
}

/** Makes what the function `up` of a module is called with. */
export type TransactionHandle = (transaction: Transaction) => unknown;

/** Whether a directory holds migrations as modules, as Kysely, Knex and Umzug have them. */
export async function holdsModules(files: MigrationFiles, directory: string): Promise<boolean> {
  const names = await files.list(directory).catch(() => []);
  return names.some(isModule) && !names.some((name) => name.endsWith('.sql'));
}

/**
 * Reads a directory of modules that export `up`, in the order of their names, as Kysely, Knex and Umzug do. What a module is called without its
 * ending is the name of its migration; `down` is never called. An exported `kind` says how older code lives with it.
 *
 * Loads, and so runs, each module. Throws QuorateError MIGRATION_FOLDER, MIGRATION_DUPLICATE.
 */
export async function readModules(
  files: ModuleFiles,
  directory: string,
  handle?: TransactionHandle,
): Promise<CodeStep[]> {
  const names = await files.list(directory).catch((cause: unknown) => {
    throw folderError(directory, 'no such directory, or no access; correct the path', cause);
  });
  if (names.length > FILES_MAX) throw folderError(directory, `holds more than ${FILES_MAX} files`);
  const modules = names.filter(isModule).toSorted();
  if (modules.length === 0) throw folderError(directory, 'no module is in it');
  const seen = new Map<string, string>();
  const steps: CodeStep[] = [];
  for (const file of modules) {
    const name = nameOf(file);
    const other = seen.get(name);
    if (other !== undefined) throw duplicate(other, file, 'differ in their endings only');
    seen.set(name, file);
    steps.push(await readModule(files, `${directory}/${file}`, name, handle));
  }
  return steps;
}

function isModule(name: string): boolean {
  return MODULE.test(name) && !DECLARATIONS.test(name) && !name.startsWith('.');
}

function nameOf(file: string): string {
  return MODULE.exec(file)?.[1] ?? file;
}

async function readModule(
  files: ModuleFiles,
  path: string,
  name: string,
  handle: TransactionHandle | undefined,
): Promise<CodeStep> {
  const bytes = await files.read(path).catch((cause: unknown) => {
    throw folderError(path, 'the file cannot be read; restore it or correct its access', cause);
  });
  const exported = fieldsOf(await files.load(path));
  // What a CommonJS module exports may be visible as `default` alone.
  const inner = fieldsOf(exported.default);
  const up = exported.up ?? inner.up;
  if (typeof up !== 'function') {
    throw folderError(path, 'exports no function `up`; move what is no migration elsewhere');
  }
  const call = (argument: unknown): unknown => Reflect.apply(up, undefined, [argument]);
  return codeMigration(name, {
    ...{ kind: kindOf(path, exported.kind ?? inner.kind), revision: 1, source: digestOf(bytes) },
    withoutHandle: handle === undefined,
    run: async (transaction) => {
      if (handle === undefined) throw withoutHandle(path);
      await call(handle(transaction));
    },
  });
}

function kindOf(path: string, kind: unknown): MigrationKind {
  if (kind === undefined) return 'breaking';
  const known = MIGRATION_KINDS.find((each) => each === kind && each !== 'data');
  if (known !== undefined) return known;
  throw folderError(
    path,
    `its kind is ${printable(String(kind))}; a module is expand, contract or breaking`,
  );
}

function withoutHandle(path: string): QuorateError {
  return new QuorateError(
    'BAD_MIGRATIONS',
    `${printable(path)} wants a handle of its query builder: give migrationsFromFolder the option handle: (transaction) => …`,
  );
}
