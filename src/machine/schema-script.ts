import { QuorateError } from '../base/index.ts';
import { firstKeyword, isBlank, splitStatements, tokens, unquoted } from '../sql/index.ts';

/** A migration's text, taken apart. */
export interface SchemaScript {
  readonly statements: readonly string[];
  /** Foreign keys must be off while it runs: it says so, or it builds a table anew. */
  readonly foreignKeysOff: boolean;
  readonly legacyAlterTable: boolean;
  /** Every name in it, in lower case. */
  readonly names: ReadonlySet<string>;
  /** Tables that get another name: old → new, in lower case. */
  readonly renames: ReadonlyMap<string, string>;
  /** It creates, alters or drops something. */
  readonly definesSchema: boolean;
  /** Statement → table that it drops, and whose indexes and triggers are made again at the end (`-- quorate: recreate = TABLE`). */
  readonly recreates: ReadonlyMap<number, string>;
}

const RECREATE = /^--[ \t]*quorate:[ \t]*recreate[ \t]*=[ \t]*(.*?)[ \t]*$/gim;
const DEFINING = new Set(['CREATE', 'ALTER', 'DROP']);
const TRANSACTION = new Set(['BEGIN', 'COMMIT', 'END']);
/** They act outside of a transaction only, so they are lifted out of the text. */
const LIFTED_PRAGMAS = new Set(['foreign_keys', 'legacy_alter_table', 'defer_foreign_keys']);

/**
 * Takes a migration apart. BEGIN, COMMIT and the pragmas that have no effect inside a transaction are taken out: the engine makes the transaction
 * and sets foreign keys before it begins (a rebuild with them on would delete the rows of referencing tables).
 * Throws MIGRATION_INVALID.
 */
export function schemaScript(sql: string): SchemaScript {
  const statements: string[] = [];
  const names = new Set<string>();
  const dropped = new Set<string>();
  const renames = new Map<string, string>();
  const recreated = new Set([...sql.matchAll(RECREATE)].map(([, table]) => table?.toLowerCase()));
  const recreates = new Map<number, string>();
  let foreignKeysOff = false;
  let legacyAlterTable = false;
  let definesSchema = false;
  for (const [i, statement] of splitStatements(sql).entries()) {
    const keyword = firstKeyword(statement);
    const words = withoutSchema(wordsOf(statement));
    for (const word of words) names.add(word);
    if (TRANSACTION.has(keyword)) continue;
    if (keyword === 'ROLLBACK' || keyword === 'SAVEPOINT' || keyword === 'RELEASE') {
      throw invalid(i, `${keyword} has no place in a migration: it is one transaction as it is`);
    }
    if (keyword === 'ATTACH' || keyword === 'DETACH' || keyword === 'VACUUM') {
      throw invalid(i, `${keyword} cannot run in a transaction`);
    }
    if (keyword === 'PRAGMA') {
      const name = words[1] ?? '';
      if (LIFTED_PRAGMAS.has(name)) {
        const on = isOn(words.slice(2));
        if (name === 'foreign_keys' && !on) foreignKeysOff = true;
        if (name === 'legacy_alter_table' && on) legacyAlterTable = true;
        continue;
      }
    }
    if (DEFINING.has(keyword)) definesSchema = true;
    if (keyword === 'DROP' && words[1] === 'table') {
      const table = words.at(-1) ?? '';
      dropped.add(table);
      if (recreated.has(table)) recreates.set(statements.length, table);
    }
    const to = words.indexOf('to');
    if (keyword === 'ALTER' && words[3] === 'rename' && to === 4) {
      renames.set(words[2] ?? '', words[5] ?? '');
    }
    statements.push(statement);
  }
  for (const name of renames.values()) if (dropped.has(name)) foreignKeysOff = true;
  return {
    ...{ statements, foreignKeysOff, legacyAlterTable, names, renames, definesSchema },
    recreates,
  };
}

/** Words, names and numbers of a statement, in lower case and without quotes; texts too, because SQLite takes 'p' for a name where one must stand. */
export function wordsOf(statement: string): string[] {
  const words: string[] = [];
  for (const token of tokens(statement)) {
    if (isBlank(token)) continue;
    const piece = statement.slice(token.start, token.end);
    if (token.kind === 'word' || token.kind === 'number') words.push(piece.toLowerCase());
    else if (token.kind === 'quoted' || token.kind === 'text')
      words.push(unquoted(piece).toLowerCase());
  }
  return words;
}

/** PRAGMA main.x and ALTER TABLE main.x as if `main` were not there. */
function withoutSchema(words: string[]): string[] {
  const at = words[0] === 'pragma' ? 1 : 2;
  const known = words[0] === 'pragma' || (words[0] === 'alter' && words[3] !== 'rename');
  return known && words[at] === 'main' ? words.toSpliced(at, 1) : words;
}

function isOn(words: readonly string[]): boolean {
  return words.some((word) => word === 'on' || word === 'true' || word === 'yes' || word === '1');
}

function invalid(index: number, what: string): QuorateError {
  return new QuorateError('MIGRATION_INVALID', what, { statementIndex: index });
}
