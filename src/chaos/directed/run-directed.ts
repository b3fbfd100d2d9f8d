import { Stage } from '../stage.ts';
import { checkIntegrity, compareReplicas, restore } from '../verdict.ts';
import { crashAfterAcknowledgement, lostTransaction, terminatedLeader } from './crash.ts';
import { deposedLeader, oneWayLeader, partitionedLeader, pausedLeader } from './old-leader.ts';
import { DATABASE, type DirectedCase, Scene } from './scene.ts';

const LIMIT_MS = 60_000;

export const CASES: readonly DirectedCase[] = [
  partitionedLeader,
  deposedLeader,
  pausedLeader,
  oneWayLeader,
  crashAfterAcknowledgement,
  lostTransaction,
  terminatedLeader,
];

/** Plays one case on a cluster of its own. Resolves to what was wrong, and where the logs are if anything was. */
export async function runDirected(
  directed: DirectedCase,
  threads: boolean,
  note: (text: string) => void,
): Promise<{ readonly findings: readonly string[]; readonly root: string }> {
  const stage = Stage.make({
    nodes: 3,
    cNodes: 0,
    threads,
    roles: 'auto',
    diskMegabytes: undefined,
  });
  const findings: string[] = [];
  try {
    await stage.fleet.form();
    const scene = new Scene(stage.fleet, note);
    await directed.run(scene);
    findings.push(...scene.findings);
    await restore(stage.fleet);
    await stage.fleet.settled(LIMIT_MS);
    findings.push(...(await checkIntegrity(stage.fleet, DATABASE)));
    findings.push(...(await compareReplicas(stage.fleet, DATABASE, LIMIT_MS)));
  } catch (error) {
    findings.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    findings.push(...stage.findings);
    await stage.close(findings.length > 0);
  }
  return { findings, root: stage.root };
}
