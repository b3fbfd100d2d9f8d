import type { LintFinding } from './lint-finding.ts';
import { find, isAt, type Word } from './lint-words.ts';

/** What is wrong with a statement whatever stands around it. */
export type Remark = Pick<LintFinding, 'code' | 'level' | 'text' | 'fix'>;

const LIFTED = new Set(['foreign_keys', 'legacy_alter_table', 'defer_foreign_keys']);
/** Refused, or without effect inside a transaction (the server's own list: room `engine`). */
const DENIED = new Set([
  ...['wal_checkpoint', 'busy_timeout', 'read_uncommitted', 'locking_mode', 'schema_version'],
  ...['journal_mode', 'page_size', 'synchronous', 'writable_schema', 'trusted_schema'],
  ...['temp_store_directory', 'data_store_directory', 'wal_autocheckpoint'],
]);
const RANDOM = new Set(['random', 'randomblob', 'last_insert_rowid', 'changes', 'total_changes']);
const CLOCKS = new Set(['current_timestamp', 'current_date', 'current_time']);
const TIMES = new Set(['datetime', 'date', 'time', 'julianday', 'unixepoch', 'strftime']);
const CATALOGUES = new Set(['sqlite_schema', 'sqlite_master']);
const RESERVED = '__quorate_';

/** Rules about one statement. */
export function statementRemarks(words: readonly Word[]): Remark[] {
  return [...transactionRemarks(words), ...nameRemarks(words), ...valueRemarks(words)];
}

function transactionRemarks(words: readonly Word[]): Remark[] {
  const first = words[0]?.kind === 'word' ? words[0].text : '';
  switch (first) {
    case 'begin':
    case 'commit':
    case 'end':
      return [lifted(first.toUpperCase())];
    case 'vacuum':
      return [
        {
          ...{ code: 'S5', level: 'error', text: 'VACUUM rewrites the whole database' },
          fix: 'take it out: it cannot run in a migration',
        },
      ];
    case 'rollback':
    case 'savepoint':
    case 'release':
    case 'attach':
    case 'detach':
      return [denied(`${first.toUpperCase()} has no place in a migration`)];
    case 'pragma': {
      const name = words[isAt(words, 2, '.') ? 3 : 1]?.text ?? '';
      if (LIFTED.has(name)) return [lifted(`PRAGMA ${name}`)];
      return DENIED.has(name) ? [denied(`PRAGMA ${name} is refused`)] : [];
    }
    default:
      return [];
  }
}

function lifted(what: string): Remark {
  return {
    ...{ code: 'T1', level: 'info', text: `${what} is taken out` },
    fix: 'nothing: each migration is one transaction, with foreign keys off where a table is built anew',
  };
}

function denied(text: string): Remark {
  return { code: 'T2', level: 'error', text, fix: 'take it out' };
}

const DEFINING = new Set(['create', 'alter', 'drop', 'insert', 'replace', 'update', 'delete']);

function nameRemarks(words: readonly Word[]): Remark[] {
  const remarks: Remark[] = [];
  const isName = ({ kind }: Word): boolean => kind === 'word' || kind === 'quoted';
  const reserved = words.find((word) => isName(word) && word.text.startsWith(RESERVED));
  if (reserved !== undefined && DEFINING.has(words[0]?.text ?? '')) {
    remarks.push({
      ...{ code: 'V3', level: 'error', text: `${reserved.text} is a name of the engine` },
      fix: `take another name: those that begin with ${RESERVED} are refused`,
    });
  }
  const catalogue = words.find((word) => isName(word) && CATALOGUES.has(word.text));
  if (catalogue !== undefined) {
    remarks.push({
      ...{ code: 'N2', level: 'warn', text: `it looks at ${catalogue.text}` },
      fix: 'write down what is to be done: what it finds may be different in another database',
    });
  }
  const text = words.find((word, at) => word.doubleQuoted && isText(words, at));
  if (text !== undefined) {
    remarks.push({
      ...{ code: 'V2', level: 'error', text: `"${text.text}" is a name, not a text` },
      fix: "write texts in single quotes: '…'",
    });
  }
  return remarks;
}

/** Whether only a text makes sense there. */
function isText(words: readonly Word[], at: number): boolean {
  for (const before of ['default', 'like', 'glob']) if (isAt(words, at - 1, before)) return true;
  if (!isAt(words, at - 1, '(') && !isAt(words, at - 1, ',')) return false;
  let depth = 0;
  for (let i = at - 1; i >= 0; i--) {
    if (isAt(words, i, ')')) depth++;
    else if (isAt(words, i, '(') && depth-- === 0) return isAt(words, i - 1, 'values');
    else if (isAt(words, i, 'select')) return false;
  }
  return false;
}

/** What may be another value in the dry run, or on another database. Defaults and triggers are evaluated later: they do not count. */
function valueRemarks(words: readonly Word[]): Remark[] {
  const changes = ['insert', 'replace', 'update', 'delete', 'with'].some((w) => isAt(words, 0, w));
  const copies = isAt(words, 0, 'create', 'table') && find(words, ['as', 'select']) >= 0;
  if (!changes && !copies) return [];
  const found = words.find((word, at) => isVolatile(words, word, at));
  const limit = find(words, ['limit']);
  const unordered = limit >= 0 && find(words, ['order', 'by']) < 0;
  if (found === undefined && !unordered) return [];
  return [
    {
      ...{ code: 'N1', level: 'warn' },
      text: `${found === undefined ? 'LIMIT without ORDER BY' : found.text} gives another result each time`,
      fix: 'nodes cannot differ by it, but a dry run and the real run can: compute it from the rows if that matters',
    },
  ];
}

function isVolatile(words: readonly Word[], word: Word, at: number): boolean {
  if (word.kind !== 'word') return false;
  if (CLOCKS.has(word.text)) return true;
  if (!isAt(words, at + 1, '(')) return false;
  if (RANDOM.has(word.text)) return true;
  if (!TIMES.has(word.text)) return false;
  if (isAt(words, at + 2, ')')) return true;
  const end = find(words, [')'], at);
  return words.slice(at, end).some(({ text }) => text.toLowerCase() === "'now'");
}
