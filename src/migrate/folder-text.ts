import { printable, QuorateError } from '../base/index.ts';
import { digestOf, MIGRATION_KINDS, type MigrationKind } from '../schema/index.ts';
import type { FolderMigration, MigrationFiles } from './folder-types.ts';

const FILE_BYTES_MAX = 16 * 1024 * 1024;
const HEADER = /^--\s*quorate:\s*kind\s*=\s*(\S*)\s*$/i;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** A file of a migration as it was read. */
export interface FolderText {
  readonly source: string;
  readonly text: string;
  readonly fileDigest: string;
  readonly lineEndDigests: readonly string[];
}

/** The error for a directory that cannot be used as it is; the text says what to do. */
export function folderError(path: string, what: string, cause?: unknown): QuorateError {
  return new QuorateError('MIGRATION_FOLDER', `${printable(path)}: ${what}`, { cause });
}

/** Reads a file as text. Throws MIGRATION_FOLDER. */
export async function readText(files: MigrationFiles, source: string): Promise<FolderText> {
  const bytes = await files.read(source).catch((cause: unknown) => {
    throw folderError(source, 'the file cannot be read; restore it or correct its access', cause);
  });
  if (bytes.length > FILE_BYTES_MAX) {
    throw folderError(source, `larger than ${FILE_BYTES_MAX} bytes; split the migration`);
  }
  const text = normalised(decoded(source, bytes));
  const lineEndDigests = [text, text.replaceAll('\n', '\r\n')].map((each) => digestOf(each));
  return { source, text, fileDigest: digestOf(bytes), lineEndDigests };
}

function decoded(source: string, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw folderError(source, 'not UTF-8; save the file in UTF-8 without changing it', cause);
  }
}

/** Line ends of LF: checkouts change them, so they count nowhere. */
export function normalised(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** Parts of a migration that differ between formats. */
export interface FolderParts extends Pick<FolderMigration, 'name' | 'down' | 'version' | 'when'> {
  /** The way up, when that is not the whole text. */
  readonly sql?: string | undefined;
  /** The kind that the file's name gives. */
  readonly named?: string | undefined;
}

/** Puts a migration together; its kind comes from the name or the header. Throws MIGRATION_FOLDER. */
export function folderMigration(file: FolderText, parts: FolderParts): FolderMigration {
  const { name, down, version, when, named, sql = file.text } = parts;
  const kind = kindOf(file, named);
  return {
    ...{ name, kind, sql, checksum: digestOf(sql) },
    ...file,
    ...(down === undefined ? {} : { down }),
    ...(version === undefined ? {} : { version }),
    ...(when === undefined ? {} : { when }),
  };
}

function kindOf({ source, text }: FolderText, named: string | undefined): MigrationKind {
  const header = headerKind(text);
  if (named !== undefined && header !== undefined && named !== header) {
    throw folderError(source, `its name says ${named} and its header ${header}; remove one`);
  }
  const given = named ?? header ?? 'breaking';
  const kind = MIGRATION_KINDS.find((each) => each === given);
  if (kind !== undefined) return kind;
  const kinds = MIGRATION_KINDS.join(', ');
  throw folderError(source, `'${printable(given)}' is no kind; write one of ${kinds}`);
}

/** The header stands among the comments at the beginning. */
function headerKind(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed !== '' && !trimmed.startsWith('--')) return undefined;
    const found = HEADER.exec(trimmed)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}
