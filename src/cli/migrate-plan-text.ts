import { printable } from '../base/index.ts';
import type { LintFinding, MigrationPlan } from '../migrate/index.ts';

type Rehearsal = NonNullable<MigrationPlan['rehearsal']>;
type Tried = Rehearsal['migrations'][number];

/** Findings for people, two lines each. */
export function findingLines(findings: readonly LintFinding[]): readonly string[] {
  return findings.flatMap(({ code, level, migration, statement, text, fix }) => {
    const where = statement === undefined ? migration : `${migration}, statement ${statement}`;
    return [printable(`${level} ${code} ${where}: ${text}`), printable(`  ${fix}`)];
  });
}

/** What a dry run has shown, for people. */
export function rehearsalLines({ migrations, index, bytesPerMs }: Rehearsal): readonly string[] {
  if (migrations.length === 0) return ['dry run: nothing is pending'];
  return [
    `dry run on a copy as of log index ${index}; waiting of writers reckoned with ${bytesPerMs / 1000} MB/s`,
    ...migrations.flatMap((each) => triedLines(each).map((line) => printable(`  ${line}`))),
  ];
}

function triedLines(tried: Tried): readonly string[] {
  const { name, kind, outcome, code, message } = tried;
  if (outcome === 'skipped') return [`${name} (${kind}): not rehearsed: ${message}`];
  if (outcome === 'failed') return [`${name} (${kind}): FAILS with ${code}: ${message}`];
  const { entryPages, entryBytes, ms, stallMs, batches, changedRows } = tried;
  const backfill = batches === 0 ? '' : `, ${changedRows} rows in ${batches} batches`;
  const { violationsBefore, violationsAfter, fingerprint } = tried;
  const violations =
    violationsBefore === violationsAfter
      ? []
      : [`  rows whose foreign key points nowhere: ${violationsBefore} → ${violationsAfter}`];
  return [
    `${name} (${kind}): ${entryPages} pages, ${entryBytes} bytes, ${Math.ceil(ms)} ms, writers wait about ${stallMs} ms${backfill}`,
    ...tried.changes.map((line) => `  ${line}`),
    ...tried.rows.map(
      ({ table, before, after }) => `  rows of ${table}: ${before ?? 'none'} → ${after ?? 'gone'}`,
    ),
    ...violations,
    `  fingerprint ${fingerprint.slice(0, 16)}`,
  ];
}
