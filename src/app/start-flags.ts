import type { Disk } from '../base/index.ts';
import { readText, replaceText } from './identity.ts';

/** Empty file of a node whose Add has not succeeded yet (docs/spec/disk-format.md §12.1). */
const JOINING = 'join';
const ADD_SENT = 'add sent\n';
/**
 * Empty file of a node that has an identity but has never had a log: it waits, joins or is a spare. It tells
 * such a node from a member that lost its log.
 */
const FRESH = 'quorate-fresh';

export interface StartFlags {
  readonly joining: boolean;
  readonly fresh: boolean;
}

export async function readFlags(disk: Disk): Promise<StartFlags> {
  return {
    joining: (await readText(disk, JOINING)) !== undefined,
    fresh: (await readText(disk, FRESH)) !== undefined,
  };
}

/** To be called before the identity is written. */
export async function markFresh(disk: Disk): Promise<void> {
  await replaceText(disk, FRESH, '');
}

/** The log has begun. */
export function unmarkFresh(disk: Disk): Promise<void> {
  return removeFlag(disk, FRESH);
}

/** Leaves the flag that this node is not a member yet. */
export async function markJoining(disk: Disk): Promise<void> {
  await replaceText(disk, JOINING, '');
}

/** Before Add is sent for the first time: from now on a member with this id may be this very node. */
export async function markAddSent(disk: Disk): Promise<void> {
  await replaceText(disk, JOINING, ADD_SENT);
}

/** Whether this directory has ever asked to be added under its id. */
export async function addWasSent(disk: Disk): Promise<boolean> {
  return (await readText(disk, JOINING)) === ADD_SENT;
}

/** The node is a member: the next start resumes. */
export function finishJoin(disk: Disk): Promise<void> {
  return removeFlag(disk, JOINING);
}

async function removeFlag(disk: Disk, name: string): Promise<void> {
  await disk.remove(name);
  await disk.syncDirectory();
}
