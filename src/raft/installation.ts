import type { InstallSnapshot, LogIndex, NodeId } from '../base/index.ts';
import type { SnapshotInfo } from './contract.ts';
import type { Core } from './core.ts';
import { accept, followCommit, reject } from './follower.ts';

/** The header of a snapshot of the current term arrived; its sender is already followed. */
export function onInstallOffered(
  core: Core,
  from: NodeId,
  address: string,
  message: InstallSnapshot,
): void {
  // A quarantined node answers nothing: a refusal would only bring the same snapshot again.
  if (core.quarantined || core.installation !== undefined) {
    core.effect({ kind: 'skip-install' });
    return;
  }
  const { lastIndex, lastTerm } = message;
  const known = core.log.termOf(lastIndex);
  if (lastIndex <= core.commit || known === lastTerm) {
    // Everything in it is here: a snapshot holds committed entries only.
    if (known !== undefined && known !== lastTerm) {
      core.fail(`committed entry ${lastIndex} has term ${known}, the leader's ${lastTerm}`);
      return;
    }
    if (lastIndex > core.verified) core.verified = lastIndex;
    if (lastIndex > core.leaderCommit) core.leaderCommit = lastIndex;
    followCommit(core);
    accept(core, from, address);
    core.effect({ kind: 'skip-install' });
    return;
  }
  core.installation = { from, address, message };
  core.effect({ kind: 'install', message, from });
}

/** The reception ended. With `ok` the snapshot took the place of log and state machine. */
export function onInstallFinished(core: Core, ok: boolean): void {
  const { installation } = core;
  if (installation === undefined) return;
  core.installation = undefined;
  core.electionClock = core.now;
  const { from, address, message } = installation;
  if (ok) adopt(core, message);
  const current = core.role === 'follower' && core.leader === from;
  if (!current) return;
  if (!ok) reject(core, from, address, message.lastIndex);
  else {
    core.verified = message.lastIndex;
    accept(core, from, address);
  }
}

function adopt(core: Core, message: InstallSnapshot): void {
  const { lastIndex, lastTerm, configurationIndex, configuration } = message;
  const snapshot: SnapshotInfo = {
    index: lastIndex,
    term: lastTerm,
    configurationIndex,
    configuration,
  };
  core.snapshot = snapshot;
  core.log.reset(lastIndex, lastTerm);
  core.durability.reset(lastIndex);
  core.configurations.reset(configurationIndex, configuration);
  core.commit = lastIndex;
  core.applied = lastIndex;
  core.verified = 0 as LogIndex;
  core.tellConfiguration();
}

/** The own snapshot is on disk: older entries may leave memory, all but `trailing` of them. */
export function onSnapshotTaken(core: Core, snapshot: SnapshotInfo, trailing: number): void {
  if (core.snapshot !== undefined && snapshot.index <= core.snapshot.index) return;
  core.snapshot = snapshot;
  core.log.snapshotTaken(snapshot.index, snapshot.term);
  core.log.dropTo(snapshot.index - trailing);
}
