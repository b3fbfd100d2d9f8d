import type { Fleet } from './fleet.ts';
import type { Machine } from './machine.ts';
import { eventually } from './waiting.ts';

const CALL_MS = 5_000;

/** Undoes all faults: what is stopped runs, what is cut is whole, what is full has room. */
export async function restore(fleet: Fleet): Promise<void> {
  fleet.links.heal();
  for (const machine of fleet.machines) {
    machine.process.resume();
    machine.disk?.relieve();
    // C 1.11 may take what it is sent and answer nobody, until somebody starts it again.
    if (machine.kind === 'c') await machine.process.stop('SIGKILL');
  }
  await Promise.all(
    fleet.machines
      .filter(({ process, absent }) => !process.running && !absent)
      .map(async (machine) => {
        if (!(await fleet.start(machine))) fleet.report(`${machine.name} did not start in the end`);
      }),
  );
}

/** Waits until all replicas are at the same index; then their pages must be equal. C nodes cannot be asked. */
export async function compareReplicas(
  fleet: Fleet,
  database: string,
  limitMs: number,
): Promise<string[]> {
  const asked = fleet.machines.filter(({ kind, absent }) => kind === 'quorate' && !absent);
  let findings: string[] = [];
  try {
    await eventually('the replicas to be at the same index', limitMs, async () => {
      const holders = await withData(fleet, asked);
      const digests = await Promise.all(
        holders.map(({ address }) =>
          fleet.admin.cluster.digest(address, database, { timeoutMs: CALL_MS }),
        ),
      );
      if (new Set(digests.map(({ index }) => index)).size > 1) return false;
      const images = new Set(digests.map(({ pages, sha256 }) => `${pages} ${sha256}`));
      if (images.size > 1) findings = [`the replicas differ: ${[...images].join(' | ')}`];
      return true;
    });
  } catch (error) {
    findings = [error instanceof Error ? error.message : String(error)];
  }
  return findings;
}

/** Spares have no data. */
async function withData(fleet: Fleet, machines: readonly Machine[]): Promise<Machine[]> {
  const members = await fleet.members();
  return machines.filter(
    ({ address }) => members.find((member) => member.address === address)?.role !== 'spare',
  );
}

/** `PRAGMA integrity_check` on the pages of each machine. */
export async function checkIntegrity(fleet: Fleet, database: string): Promise<string[]> {
  const findings: string[] = [];
  const asked = fleet.machines.filter(({ kind, absent }) => kind === 'quorate' && !absent);
  const client = fleet.client('prover');
  for (const machine of await withData(fleet, asked)) {
    const replica = client.client.database(database, { readFrom: machine.address });
    // Its own pages, whoever leads: a C leader confirms nothing to a follower.
    const result = await replica.execute('PRAGMA integrity_check', [], {
      timeoutMs: 30_000,
      consistency: 'local',
    });
    const text = String(result.rows[0]?.[0]);
    if (text !== 'ok') findings.push(`${machine.name}: integrity_check: ${text}`);
    if (result.executedBy.address !== machine.address) {
      findings.push(`${machine.name} did not check its own pages`);
    }
    await replica.close();
  }
  await client.close();
  return findings;
}
