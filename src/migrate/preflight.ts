import { QuorateError } from '../base/index.ts';
import {
  type CallOptions,
  type Database,
  type NamespaceReport,
  type Row,
  schemaAccess,
} from '../client/index.ts';
import {
  hasBarrier,
  inLine,
  type ManifestEntry,
  type Program,
  parseManifest,
  survives,
} from '../schema/index.ts';
import type { Migrations } from './define.ts';
import { driftWaits, isDrifted } from './drift.ts';
import { hasApplied, knownEntries } from './goal.ts';
import { lintMigrations } from './lint.ts';
import type { LintFinding } from './lint-finding.ts';
import { type Precheck, runPrechecks } from './prechecks.ts';
import { SchemaClient } from './schema-client.ts';
import { type NamespaceStatus, schemaStatus } from './status.ts';
import { type Wait, waitsOf } from './waits.ts';

/** What would become of a build that starts now, in one namespace. */
export interface PreflightReport {
  readonly namespace: string;
  /** 'fine': it serves at once, or as soon as it has applied what it may apply; 'waits': others come first; 'refused': never. */
  readonly verdict: 'fine' | 'waits' | 'refused';
  /** It could serve the database as it is now. */
  readonly canServe: boolean;
  /** Of the database; undefined when the build is refused. */
  readonly version: number | undefined;
  /** Why it cannot serve now, and as which error; '' when it can. */
  readonly code: string;
  readonly reason: string;
  /** What it would apply, in its order. */
  readonly pending: readonly { readonly name: string; readonly kind: string }[];
  /** What that would wait for; waits of contracts do not keep the build from serving. */
  readonly waits: readonly Wait[];
  /** About the texts of what is pending. */
  readonly findings: readonly LintFinding[];
  /** Checks before what is pending, on the data as it is now. */
  readonly checks: readonly Precheck[];
}

const REFUSED = new Set([
  'SCHEMA_TOO_NEW',
  'SCHEMA_DIVERGED',
  'SCHEMA_EPOCH_GAP',
  'CHECKSUM_MISMATCH',
  'MIGRATION_OUT_OF_ORDER',
]);

/**
 * Asks a database what would become of a build with these migrations, before it is deployed: whether it could serve, what it would apply, and who
 * would be waited for, what is questionable in the texts of what is pending (lint), and what its checks before (`checks.before`) say now. Nothing is written; the
 * checks are queries on the node that `readFrom` names, 'any' by default. Needs a leader. Throws QuorateError.
 * @example const [report] = await preflight(database, [migrations]);
 */
export async function preflight(
  database: Database,
  migrations: readonly Migrations[],
  options: CallOptions & { readonly members?: ReadonlySet<string> | undefined } = {},
): Promise<readonly PreflightReport[]> {
  const { members, ...call } = options;
  const client = new SchemaClient(schemaAccess(database));
  const statuses = await schemaStatus(database, call);
  const programs = statuses.length === 0 ? new Map() : await activePrograms(database, call);
  const drifted = statuses.length > 0 && (await isDrifted(database, call));
  const jobs = statuses.length === 0 ? [] : await database.query(JOBS, [], call);
  const reports: PreflightReport[] = [];
  for (const each of migrations) {
    const answer = await pretend(client, each, call);
    if (answer instanceof QuorateError) {
      reports.push(refusal(each, answer));
      continue;
    }
    const status = statuses.find(({ namespace }) => namespace === each.namespace);
    const active = programs.get(each.namespace) ?? [];
    const own = jobs.filter(({ ns }) => ns === each.namespace);
    const found = { status, active, members, drifted, jobs: own };
    reports.push(await withTexts(database, each, forecast(each, answer, found), call));
  }
  return reports;
}

async function pretend(
  client: SchemaClient,
  migrations: Migrations,
  call: CallOptions,
): Promise<NamespaceReport | QuorateError> {
  // Nobody is registered under this name: the request only asks.
  const participant = { id: 'preflight', kind: 'client', boot: 'preflight', release: '' } as const;
  try {
    const { namespaces } = await client.register(participant, [migrations], {
      ...call,
      pretend: true,
    });
    const [report] = namespaces;
    if (report !== undefined) return report;
    throw new QuorateError('PROTOCOL', 'an answer about the schema has another form than expected');
  } catch (error) {
    if (error instanceof QuorateError && REFUSED.has(error.code)) return error;
    throw error;
  }
}

interface Active {
  readonly id: string;
  readonly program: Program | undefined;
}

/** What the active participants of each namespace know. */
async function activePrograms(
  database: Database,
  call: CallOptions,
): Promise<ReadonlyMap<string, readonly Active[]>> {
  const rows = await database.query(
    `select m.ns, m.id, p.body from __quorate_schema_member m left join __quorate_schema_manifest p on p.digest = m.manifest
     where m.state = 'active' order by m.id`,
    [],
    call,
  );
  const found = new Map<string, Active[]>();
  for (const { ns, id, body } of rows) {
    const program = body === null ? undefined : parseManifest(String(body));
    const namespace = String(ns);
    found.set(namespace, [...(found.get(namespace) ?? []), { id: String(id), program }]);
  }
  return found;
}

/** Attempts and progress, whoever is there that knows these migrations. */
const JOBS = 'select ns, name, attempts, error, done from __quorate_schema_job';

/** What the tables say that a forecast needs. */
interface Found {
  readonly status: NamespaceStatus | undefined;
  readonly active: readonly Active[];
  readonly members: ReadonlySet<string> | undefined;
  readonly drifted: boolean;
  readonly jobs: readonly Row[];
}

function refusal({ namespace }: Migrations, { code, message }: QuorateError): PreflightReport {
  return {
    ...{ namespace, verdict: 'refused', canServe: false, version: undefined },
    ...{ code, reason: message, pending: [], waits: [], findings: [], checks: [] },
  };
}

/** Adds what the texts of the migrations say, and what their checks find: a check that fails keeps the build waiting until somebody has mended the data. */
async function withTexts(
  database: Database,
  migrations: Migrations,
  report: Forecast,
  call: CallOptions,
): Promise<PreflightReport> {
  const names = report.pending.map(({ name }) => name);
  const findings = lintMigrations(migrations).filter(({ migration }) => names.includes(migration));
  const checks = await runPrechecks(database, migrations, names, { readFrom: 'any', ...call });
  const stops = checks.some(
    ({ outcome, isNext, migration }) =>
      outcome === 'failed' && isNext && isNeeded(migrations, migration),
  );
  const verdict = report.verdict === 'fine' && !report.canServe && stops ? 'waits' : report.verdict;
  return { ...report, verdict, findings, checks };
}

/** Whether the build cannot serve without it. */
function isNeeded({ program }: Migrations, name: string): boolean {
  const entry = program.entry(name);
  return entry !== undefined && inLine(entry) && (program.ordinal(name) ?? 0) <= program.min;
}

type Forecast = Omit<PreflightReport, 'findings' | 'checks'>;

function forecast(migrations: Migrations, report: NamespaceReport, found: Found): Forecast {
  const { namespace, version, canServe, code, reason } = report;
  const { status, members, drifted } = found;
  const missing = knownEntries(migrations).filter(
    ({ name }) => !hasApplied(migrations, report, name),
  );
  const then = status === undefined ? undefined : expected(status, missing, found);
  const waits =
    then === undefined ? [] : waitsOf(then, members).concat(drifted ? driftWaits(then) : []);
  const inTheWay = waits.some(({ migration, obstacle }) => {
    return obstacle === 'drift' || isNeeded(migrations, migration);
  });
  return {
    ...{ namespace, verdict: !canServe && inTheWay ? 'waits' : 'fine', canServe, version },
    ...{ code, reason, waits },
    pending: missing.map(({ name, kind }) => ({ name, kind })),
  };
}

/** The status as it would be if all that the build would apply came next. */
function expected(
  status: NamespaceStatus,
  missing: readonly ManifestEntry[],
  { active, jobs }: Found,
): NamespaceStatus {
  return {
    ...status,
    pending: missing.map((entry) => {
      const known = status.pending.find(({ name }) => name === entry.name);
      const job = jobs.find(({ name }) => name === entry.name);
      const waiting = active.filter(
        ({ program }) => program === undefined || !survives(program, entry),
      );
      return {
        ...{ name: entry.name, kind: entry.kind, attempts: Number(job?.attempts ?? 0) },
        ...{ error: String(job?.error ?? ''), done: Number(job?.done ?? 0) },
        ...(known?.openTasks === undefined ? {} : { openTasks: known.openTasks }),
        blockedBy: hasBarrier(entry) ? waiting.map(({ id }) => id) : [],
      };
    }),
  };
}
