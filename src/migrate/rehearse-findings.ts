import { LIMITS, PAGE_SIZE_BYTES } from '../base/index.ts';
import type { MigrationRehearsal, RehearsalReport } from '../schema/index.ts';
import type { LintCode, LintFinding } from './lint-finding.ts';

/** From so many pages on (16 MiB) a migration counts as large. */
const LARGE_PAGES = 4096;
/** Part of what one entry of the log may hold that is worth a warning. */
const ENTRY_PART = 0.25;

/** What a dry run has found, as findings with code and level. Failures that have no code of their own here stand in the report. */
export function rehearsalFindings(report: RehearsalReport): LintFinding[] {
  const findings = report.migrations.flatMap(findingsOf);
  if (report.late === undefined || report.late.length === 0) return findings;
  const contracts = report.migrations.filter(({ kind }) => kind === 'contract');
  for (const { name } of contracts) {
    findings.push({
      ...{ code: 'O4', level: 'error', migration: name, statement: undefined },
      text: `it makes a difference whether it comes before or after later migrations: ${report.late.slice(0, 4).join('; ')}`,
      fix: 'name in `after` the migrations that must come before it',
    });
  }
  return findings;
}

function findingsOf(migration: MigrationRehearsal): LintFinding[] {
  const { name, outcome, code, message, stallMs, stallLimitMs, entryPages, batches } = migration;
  const about = (
    finding: LintCode,
    level: LintFinding['level'],
    text: string,
    fix: string,
  ): LintFinding => ({
    ...{ code: finding, level, migration: name, statement: undefined, text, fix },
  });
  if (outcome === 'failed') {
    if (code === 'DANGLING_OBJECT') {
      return [about('V1', 'error', message, 'drop or change it in the same migration')];
    }
    if (code === 'MIGRATION_TOO_LARGE') {
      return [about('S4', 'error', message, 'do it in batches (batchMigration)')];
    }
    if (/constraint failed/i.test(message)) {
      return [about('C3', 'error', message, 'correct the data in a migration before')];
    }
    return [];
  }
  if (outcome === 'skipped') return [];
  const findings: LintFinding[] = [];
  const largest = Math.ceil(entryPages / (batches + 1));
  if (stallMs > stallLimitMs) {
    const text = `writers would wait ${stallMs} ms, and at most ${stallLimitMs} ms are allowed`;
    findings.push(about('S3', 'error', text, 'do it in batches, or allow more (stallMs)'));
  }
  if (largest * PAGE_SIZE_BYTES > LIMITS.transactionBytes * ENTRY_PART) {
    const text = `its entry of the log has ${largest * PAGE_SIZE_BYTES} of at most ${LIMITS.transactionBytes} bytes`;
    findings.push(about('S4', 'warn', text, 'do it in batches: the data may grow'));
  }
  if (batches === 0 && entryPages > LARGE_PAGES) {
    const index = migration.changes.some((line) => /^index .* added$/.test(line));
    const text = `it writes ${entryPages} pages`;
    const fix = 'run it when few write; where it changes rows, do that in batches';
    findings.push(about(index ? 'S2' : 'S1', 'warn', text, fix));
  }
  return findings;
}
