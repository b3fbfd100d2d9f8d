import { printable, QuorateError } from '../base/index.ts';
import { isComplete } from '../sql/index.ts';
import { fieldsOf } from './fields-of.ts';
import { duplicate } from './folder-order.ts';
import { type FolderText, folderError, folderMigration, readText } from './folder-text.ts';
import type { FolderMigration, MigrationFiles } from './folder-types.ts';

/** Dialects of Drizzle whose SQL is SQLite's. */
const DIALECTS: readonly unknown[] = ['sqlite', 'turso'];
const BREAKPOINT = '--> statement-breakpoint';

interface JournalEntry {
  readonly idx: number;
  readonly when: number;
  readonly tag: string;
}

/** A directory of drizzle-kit 0.x: the journal says what belongs to it, in which order. */
export async function readDrizzle(
  files: MigrationFiles,
  directory: string,
  names: readonly string[],
): Promise<FolderMigration[]> {
  const path = `${directory}/meta/_journal.json`;
  const entries = journalEntries(path, (await readText(files, path)).text);
  const tags = new Set(entries.map(({ tag }) => `${tag}.sql`));
  const stray = names.find((name) => name.endsWith('.sql') && !tags.has(name));
  if (stray !== undefined) {
    throw folderError(
      `${directory}/${stray}`,
      'not in the journal; remove it, or generate it again',
    );
  }
  const migrations: FolderMigration[] = [];
  for (const { tag, when } of entries) {
    const read = await readText(files, `${directory}/${tag}.sql`);
    migrations.push(folderMigration(read, { name: tag, when, sql: withoutBreakpoints(read) }));
  }
  return migrations;
}

/**
 * A breakpoint is a comment to SQLite, so most texts stay as they are. Only a statement in front of it that lacks its
 * semicolon gets one, and one behind it on the same line its own line.
 */
export function withoutBreakpoints({ text }: Pick<FolderText, 'text'>): string {
  const pieces = text.split(BREAKPOINT);
  return pieces
    .map((piece, at) => {
      const begun = at > 0 && !/^[^\S\n]*(?:\n|$)/.test(piece) ? `\n${piece}` : piece;
      return at === pieces.length - 1 || isComplete(piece) ? begun : `${begun}\n;`;
    })
    .join(BREAKPOINT);
}

function journalEntries(path: string, text: string): JournalEntry[] {
  const { dialect, entries } = fieldsOf(parsed(path, text));
  if (!DIALECTS.includes(dialect)) {
    throw folderError(
      path,
      `the dialect is ${printable(String(dialect))}; only sqlite can be read`,
    );
  }
  if (!Array.isArray(entries)) throw unreadable(path);
  const read = entries.map((entry: unknown) => journalEntry(path, entry));
  const sorted = read.toSorted((a, b) => a.idx - b.idx);
  const seen = new Map<string, string>();
  for (const [at, { idx, tag }] of sorted.entries()) {
    const before = sorted[at - 1];
    if (before?.idx === idx || seen.has(tag)) {
      const what = `stand twice in ${printable(path)}; drop the newer one and generate it again`;
      throw duplicate(before?.idx === idx ? before.tag : tag, tag, what);
    }
    seen.set(tag, tag);
    if (before === undefined || before.idx + 1 === idx) continue;
    throw new QuorateError(
      'MIGRATION_GAP',
      `${printable(path)}: entry ${before.idx + 1} is missing; restore the journal`,
    );
  }
  return sorted;
}

function journalEntry(path: string, entry: unknown): JournalEntry {
  const { idx, when, tag } = fieldsOf(entry);
  // The tag becomes part of a path.
  if (typeof tag !== 'string' || !/^[^/\\\p{Cc}]{1,190}$/u.test(tag)) throw unreadable(path);
  if (typeof idx !== 'number' || !Number.isSafeInteger(idx)) throw unreadable(path);
  if (typeof when !== 'number' || !Number.isSafeInteger(when)) throw unreadable(path);
  return { idx, when, tag };
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause?: unknown): QuorateError {
  return folderError(path, 'not a journal of drizzle-kit; restore it from version control', cause);
}
