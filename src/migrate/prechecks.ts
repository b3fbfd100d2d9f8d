import { QuorateError, type Value } from '../base/index.ts';
import type { CallOptions, Database } from '../client/index.ts';
import { firstKeyword, formatLiteral, splitStatements } from '../sql/index.ts';
import type { Migrations } from './define.ts';
import type { Check } from './steps.ts';

/** What a check of a pending migration (`checks.before`) says of the data as it is now. */
export interface Precheck {
  readonly migration: string;
  /** Its message, or the query. */
  readonly check: string;
  /** 'unknown': it was not tried, or could not be run before the migrations that come first. */
  readonly outcome: 'passed' | 'failed' | 'unknown';
  /** The first rows that it should not have found, or why it is unknown; '' when it passed. */
  readonly detail: string;
  /** Nothing that is pending comes before its migration, so the real run is told the same on the same data. */
  readonly isNext: boolean;
}

const QUERIES = new Set(['SELECT', 'VALUES', 'WITH']);
const ROWS_SHOWN = 3;
const CHARACTERS_SHOWN = 200;

/**
 * Runs the checks before pending migrations as plain queries, on the node that `readFrom` names. They are put into a SELECT, so that one that is no query
 * changes nothing. Throws QuorateError of the cluster, not of a check.
 */
export async function runPrechecks(
  database: Database,
  migrations: Migrations,
  pending: readonly string[],
  call: CallOptions,
): Promise<readonly Precheck[]> {
  const found: Precheck[] = [];
  for (const [i, name] of pending.entries()) {
    for (const check of migrations.step(name)?.checks?.before ?? []) {
      const result = await tried(database, check, call);
      const text = check.message === undefined || check.message === '' ? check.sql : check.message;
      found.push({ migration: name, check: text, ...result, isNext: i === 0 });
    }
  }
  return found;
}

async function tried(
  database: Database,
  { sql }: Check,
  call: CallOptions,
): Promise<Pick<Precheck, 'outcome' | 'detail'>> {
  const [query, ...more] = splitStatements(sql);
  if (query === undefined || more.length > 0 || !QUERIES.has(firstKeyword(query))) {
    return { outcome: 'unknown', detail: 'only SELECT, VALUES and WITH are tried beforehand' };
  }
  try {
    const text = `select * from (${query.replace(/;\s*$/, '')}\n) limit ${ROWS_SHOWN + 1}`;
    const rows = await database.query<Record<string, Value>>(text, [], call);
    const values = rows.map((row) => Object.values(row));
    const passed = values.length === 0 || (values.length === 1 && isZero(values[0] ?? []));
    return passed
      ? { outcome: 'passed', detail: '' }
      : { outcome: 'failed', detail: shown(values) };
  } catch (error) {
    if (!(error instanceof QuorateError) || !isOfTheQuery(error)) throw error;
    return { outcome: 'unknown', detail: error.message };
  }
}

/** What it looks at may only be made by a migration before. */
function isOfTheQuery({ rawCode, retryable }: QuorateError): boolean {
  return rawCode !== undefined && !retryable;
}

function isZero(row: readonly Value[]): boolean {
  return row.length === 1 && (row[0] === 0 || row[0] === 0n || row[0] === null);
}

function shown(rows: readonly (readonly Value[])[]): string {
  const lines = rows.slice(0, ROWS_SHOWN).map((row) => `(${row.map(formatLiteral).join(', ')})`);
  const text = `${lines.join(', ')}${rows.length > ROWS_SHOWN ? ', …' : ''}`;
  return text.length > CHARACTERS_SHOWN ? `${text.slice(0, CHARACTERS_SHOWN)}…` : text;
}
