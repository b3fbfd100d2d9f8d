import { type Member, QuorateError } from '../base/index.ts';
import type { CallOptions, Cluster, Database, Finding, FindingKind, Row } from '../client/index.ts';

export type { Finding, FindingKind };

import type { Migrations } from './define.ts';
import { hasDrifted } from './drift.ts';
import { type NamespaceStatus, schemaStatus } from './status.ts';
import { brokenHistory, differences, type HistoryRow } from './verify-history.ts';
import { waitsOf } from './waits.ts';

export interface VerifyOptions extends CallOptions {
  /** Also compared with what was applied. */
  readonly migrations?: readonly Migrations[] | undefined;
  /** Its members are asked for what they have applied. */
  readonly cluster?: Cluster | undefined;
}

const SHOWN = 10;

/**
 * Looks whether a database is as its migrations made it: the chain of the history, the declared migrations, changes past them, foreign keys, the
 * pages (integrity_check, which reads all of them), tasks, and how far each node is. Changes nothing. Throws QuorateError when the
 * database cannot be asked.
 * @example const bad = (await verifySchema(database, { migrations: [migrations] })).filter(({ ok }) => !ok);
 */
export async function verifySchema(
  database: Database,
  { migrations = [], cluster, ...call }: VerifyOptions = {},
): Promise<readonly Finding[]> {
  const ask: Ask = (sql) => database.query(sql, [], call);
  const exist = await ask("select 1 from sqlite_schema where name = '__quorate_schema_fence'");
  // All of one version, so that a migration in between is no contradiction.
  const findings =
    exist.length === 0
      ? []
      : await database.transaction((tx) => inTables((sql) => tx.query(sql), migrations), {
          ...{ ...call, mode: 'read' },
        });
  const failed = (await schemaStatus(database, call)).flatMap(failedFindings);
  const members = await cluster?.members(call);
  return [
    ...findings,
    ...failed,
    await foreignKeys(ask),
    await integrity(ask),
    ...(members === undefined || cluster === undefined
      ? []
      : await Promise.all(members.map((member) => nodeFinding(database, cluster, member, call)))),
  ];
}

type Ask = (sql: string) => Promise<Row[]>;

async function inTables(ask: Ask, migrations: readonly Migrations[]): Promise<readonly Finding[]> {
  const states = await ask('select ns, version, chain from __quorate_schema_state order by ns');
  const history = await ask(
    'select ns, version, name, checksum, chain from __quorate_schema_history order by seq',
  );
  const findings: Finding[] = [];
  for (const { ns, version, chain } of states) {
    const own = history.filter((row) => row.ns === ns).map(historyRow);
    const broken = brokenHistory(own, { version: Number(version), chain: String(chain) });
    findings.push(finding('history', String(ns), broken, `${own.length} migrations, each follows`));
    const declared = migrations.find(({ namespace }) => namespace === ns);
    if (declared === undefined) continue;
    const different = differences(declared, own);
    findings.push({
      ...finding(
        ...(['migrations', String(ns), different.map(({ text }) => text)] as const),
        'those declared are those applied',
      ),
      commands: different.flatMap(({ command }) => (command === undefined ? [] : [command])),
    });
  }
  return [...findings, await drift(ask), ...(await tasks(ask))];
}

function failedFindings(status: NamespaceStatus): readonly Finding[] {
  return waitsOf(status)
    .filter(({ obstacle }) => obstacle === 'repair')
    .map(({ namespace, migration, why, commands }) => ({
      ...{ check: 'failed', ok: false, subject: namespace },
      ...{ text: `${migration}: ${why}`, commands },
    }));
}

function historyRow({ version, name, checksum, chain }: Row): HistoryRow {
  return {
    ...{ version: Number(version), name: String(name) },
    ...{ checksum: String(checksum), chain: String(chain) },
  };
}

function finding(
  check: FindingKind,
  subject: string,
  problems: readonly string[],
  fine: string,
): Finding {
  const ok = problems.length === 0;
  return { check, ok, subject, text: ok ? fine : shown(problems), commands: [] };
}

function shown(problems: readonly string[]): string {
  const more = problems.length - SHOWN;
  return `${problems.slice(0, SHOWN).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

async function drift(ask: Ask): Promise<Finding> {
  const drifted = await hasDrifted(ask);
  return {
    ...{ check: 'drift', subject: '', ok: !drifted },
    text: drifted
      ? 'somebody has changed the schema past the migrations: undo that, or accept it'
      : 'the schema is as the migrations left it',
    commands: drifted ? [['accept-drift']] : [],
  };
}

async function foreignKeys(ask: Ask): Promise<Finding> {
  const rows = await ask(
    'select "table" as child, parent, count(*) as n from pragma_foreign_key_check group by 1, 2',
  );
  const problems = rows.map(
    ({ child, parent, n }) => `${n} rows of ${child} point to no ${parent}`,
  );
  return finding('foreign-keys', '', problems, 'every foreign key points somewhere');
}

async function integrity(ask: Ask): Promise<Finding> {
  const rows = await ask('pragma integrity_check');
  const problems = rows.map(({ integrity_check: text }) => String(text)).filter((t) => t !== 'ok');
  return finding('integrity', '', problems, 'the pages are sound');
}

/** What was done on which node; nobody here knows what is still to be done. */
async function tasks(ask: Ask): Promise<readonly Finding[]> {
  const rows = await ask(
    "select ns, name, group_concat(node, ', ') as nodes from __quorate_schema_task group by ns, name order by ns, name",
  );
  return rows.map(({ ns, name, nodes }) => ({
    ...{ check: 'tasks', ok: true, subject: String(ns), commands: [] },
    text: `${name} was done on ${nodes}`,
  }));
}

async function nodeFinding(
  database: Database,
  cluster: Cluster,
  { id, address }: Member,
  call: CallOptions,
): Promise<Finding> {
  const subject = `${id} at ${address}`;
  try {
    const { applied, commit } = await cluster.status(address, call);
    const at = await database
      .query('select ns, version from __quorate_schema_state order by ns', [], {
        ...{ ...call, consistency: 'local', readFrom: address },
      })
      .catch(() => []);
    const versions = at.map(({ ns, version }) => `${ns} ${version}`).join(', ');
    const text = `applied ${applied} of ${commit}${versions === '' ? '' : `, version ${versions}`}`;
    return { check: 'nodes', ok: true, subject, text, commands: [] };
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    const text = `does not answer: ${error.code}: ${error.message}`;
    return { check: 'nodes', ok: false, subject, text, commands: [] };
  }
}
