import { connect } from '../../app/index.ts';
import type { Cluster, Database } from '../../client/index.ts';
import { formatTable } from '../../sql/index.ts';
import type { Ledger } from './ledger.ts';
import { type DemoNode, delay } from './nodes.ts';
import { say } from './print.ts';

const AGREE_LIMIT_MS = 20_000;

export interface ProofInput {
  readonly nodes: readonly DemoNode[];
  readonly leader: Database & { readonly cluster: Cluster };
  readonly database: string;
  readonly places: Ledger;
  readonly events: Ledger;
}

/** Compares what clients were told with what is stored, and the replicas with each other. */
export async function prove(input: ProofInput): Promise<string[]> {
  const findings: string[] = [];
  findings.push(...(await proveLedger('places', input.places, input.leader)));
  findings.push(...(await proveLedger('events', input.events, input.leader)));
  findings.push(...(await proveIntegrity(input)));
  findings.push(...(await proveReplicas(input)));
  await showCounters(input);
  return findings;
}

async function proveLedger(table: string, ledger: Ledger, database: Database): Promise<string[]> {
  const rows = await database.query<{ id: number }>(`SELECT id FROM ${table}`);
  const stored = new Set(rows.map((row) => row.id));
  say(
    `${table}: ${ledger.acknowledged.size} acknowledged, ${ledger.rolledBack.size} rolled back, ` +
      `${ledger.unknown.size} unknown, ${stored.size} stored`,
  );
  const errors = [...ledger.errors].map(([code, times]) => `${code} ${times}×`);
  if (errors.length > 0) say(`  failures by code: ${errors.join(', ')}`);
  return ledger.check(stored).slice(0, 10);
}

async function proveIntegrity(input: ProofInput): Promise<string[]> {
  const findings: string[] = [];
  for (const node of input.nodes) {
    const replica = connect({
      servers: [node.address],
      database: input.database,
      readFrom: node.address,
    });
    try {
      const result = await replica.execute('PRAGMA integrity_check');
      const text = String(result.rows[0]?.[0]);
      say(`integrity_check on ${node.name}, executed by node ${result.executedBy.id}: ${text}`);
      if (text !== 'ok') findings.push(`${node.name}: integrity_check: ${text}`);
      if (result.executedBy.address !== node.address) {
        findings.push(`${node.name} did not check its own pages, ${result.executedBy.address} did`);
      }
    } finally {
      await replica.close();
    }
  }
  return findings;
}

/** Waits until all replicas report the same index, then their pages must be equal. */
async function proveReplicas(input: ProofInput): Promise<string[]> {
  const deadline = performance.now() + AGREE_LIMIT_MS;
  for (;;) {
    const reports = await Promise.all(
      input.nodes.map((node) => input.leader.cluster.digest(node.address, input.database)),
    );
    const indexes = new Set(reports.map((report) => report.index));
    const images = new Set(reports.map((report) => `${report.pages} ${report.sha256}`));
    if (indexes.size === 1 || performance.now() > deadline) {
      const rows = reports.map((report, i) => [
        input.nodes[i]?.name ?? '',
        String(report.index),
        String(report.pages),
        report.sha256,
      ]);
      say('each replica about itself:');
      for (const line of formatTable(['node', 'index', 'pages', 'sha-256'], rows, {
        mode: 'table',
      }).split('\n')) {
        say(line);
      }
      return indexes.size === 1 && images.size === 1 ? [] : ['the replicas differ'];
    }
    await delay(100);
  }
}

async function showCounters(input: ProofInput): Promise<void> {
  for (const node of input.nodes) {
    const { counters } = await input.leader.cluster.status(node.address);
    say(
      `${node.name}, since its last start: ${counters.syncs} syncs for ${counters.entriesWritten} entries; ` +
        `proposed ${counters.entriesProposed} entries for ${counters.transactionsProposed} transactions`,
    );
  }
}
