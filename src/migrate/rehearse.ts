import { QuorateError } from '../base/index.ts';
import { type CallOptions, type Database, schemaAccess } from '../client/index.ts';
import { canonicalText, type RehearsalReport } from '../schema/index.ts';
import type { Migrations } from './define.ts';
import { lintMigrations } from './lint.ts';
import type { LintFinding } from './lint-finding.ts';
import { type PreflightReport, preflight } from './preflight.ts';
import { rehearsalFindings } from './rehearse-findings.ts';
import { optionsOf } from './schema-client.ts';
import type { Step } from './steps.ts';

/** A dry run copies nothing, but it counts rows and runs everything. */
const TIMEOUT_MS = 600_000;

export interface PlanOptions extends CallOptions {
  /** Also tries everything that is pending on a copy of the live data. Default false. */
  readonly dryRun?: boolean | undefined;
  readonly members?: ReadonlySet<string> | undefined;
}

/** What would happen to a database in one namespace. */
export interface MigrationPlan extends PreflightReport {
  /** About what is pending: from the texts, the history, and the dry run. */
  readonly findings: readonly LintFinding[];
  /** Only with `dryRun`, unless the build would be refused. */
  readonly rehearsal: RehearsalReport | undefined;
  /** Nothing stands against it: no error among the findings, no migration failed, the build is not refused. */
  readonly ok: boolean;
}

/**
 * What these migrations would do to a database, before they do it: what is pending, who would be waited for, what is questionable. With `dryRun` they are
 * applied to a copy on the node that `readFrom` names ('any' by default: one that is near), by the code that the real run uses; the report says what each
 * writes, how long writers wait, and what fails. The database itself is not written. Needs a leader.
 * Throws QuorateError: REHEARSAL_TOO_LARGE, REHEARSAL_BUSY, SNAPSHOT_TOO_OLD, TIMEOUT (of `timeoutMs`, 10 minutes by default).
 * @example const [plan] = await planMigrations(database, [migrations], { dryRun: true, signal });
 */
export async function planMigrations(
  database: Database,
  migrations: readonly Migrations[],
  options: PlanOptions = {},
): Promise<readonly MigrationPlan[]> {
  const { dryRun = false, members, ...given } = options;
  const call = { timeoutMs: TIMEOUT_MS, ...given };
  const { readFrom: _, ...elsewhere } = call;
  const reports = await preflight(database, migrations, { ...elsewhere, members });
  const plans: MigrationPlan[] = [];
  for (const [i, report] of reports.entries()) {
    const each = migrations[i];
    if (each !== undefined) plans.push(await planOf(database, each, report, dryRun, call));
  }
  return plans;
}

async function planOf(
  database: Database,
  migrations: Migrations,
  report: PreflightReport,
  dryRun: boolean,
  call: CallOptions,
): Promise<MigrationPlan> {
  const refused = report.verdict === 'refused';
  const rehearsal = dryRun && !refused ? await rehearsed(database, migrations, call) : undefined;
  const pending = new Set(report.pending.map(({ name }) => name));
  const findings = [
    ...(refused ? historyFindings(report) : []),
    ...lintMigrations(migrations).filter(({ migration }) => refused || pending.has(migration)),
    ...(rehearsal === undefined ? [] : rehearsalFindings(rehearsal)),
  ];
  const failed = rehearsal?.migrations.some(({ outcome }) => outcome === 'failed') === true;
  const ok = !refused && !failed && findings.every(({ level }) => level !== 'error');
  return { ...report, findings, rehearsal, ok };
}

/** What keeps a build from a database for its order or its texts. */
function historyFindings({ namespace, code, reason }: PreflightReport): LintFinding[] {
  const common = { level: 'error', migration: namespace, statement: undefined } as const;
  const fix = 'put back what was applied; add what is new at the end';
  if (code === 'MIGRATION_OUT_OF_ORDER') return [{ ...common, code: 'O1', text: reason, fix }];
  if (code === 'SCHEMA_DIVERGED') return [{ ...common, code: 'O2', text: reason, fix }];
  return [];
}

async function rehearsed(
  database: Database,
  migrations: Migrations,
  call: CallOptions,
): Promise<RehearsalReport> {
  const { manifest, snapshot } = migrations.program;
  const names = [...(snapshot === undefined ? [] : [snapshot.name])].concat(
    manifest.entries.map(({ name }) => name),
  );
  const steps = names.flatMap((name) => {
    const step = migrations.step(name);
    return step === undefined || step.step === 'code' ? [] : [sent(step)];
  });
  const request = { manifest: JSON.parse(canonicalText(manifest)) as unknown, steps };
  const options: CallOptions = { readFrom: 'any', ...call };
  const answer: unknown = JSON.parse(
    await schemaAccess(database).rehearse(JSON.stringify(request), options),
  );
  if (isReport(answer)) return answer;
  throw new QuorateError('PROTOCOL', 'an answer about a dry run has another form than expected');
}

function sent(step: Exclude<Step, { readonly step: 'code' }>): object {
  const common = { name: step.name, ...optionsOf(step) };
  if (step.step === 'sql') return { ...common, sql: step.sql };
  const { table, key, rows, run, verify } = step;
  return {
    ...common,
    batch: { table, key, rows, step: run, ...(verify === undefined ? {} : { verify }) },
  };
}

/** Of a server of the same version; fields are added, never changed. */
function isReport(value: unknown): value is RehearsalReport {
  return (
    typeof value === 'object' &&
    value !== null &&
    'migrations' in value &&
    Array.isArray(value.migrations)
  );
}
