import { type Disk, QuorateError } from '../base/index.ts';
import type { DirectoryFacts } from '../node/index.ts';
import { type Identity, readIdentity } from './identity.ts';
import type { NodeOptions } from './options.ts';
import { readFlags } from './start-flags.ts';

/** How this start goes on: resume a directory, found a cluster, join one, wait to be added, or stay out. */
export interface StartPlan {
  readonly mode: 'resume' | 'bootstrap' | 'join' | 'wait' | 'quarantine';
  readonly identity: Identity;
  /** True when the identity must still be written. */
  readonly isNew: boolean;
  /** Why the mode is 'quarantine', or a new id was taken in a directory that had one. */
  readonly reason?: string;
}

/**
 * Decides from options and directory. A directory with data is resumed whatever the options say; a new
 * cluster is founded only in an empty directory and only when asked for. An identity without a log is a
 * member that lost its disk: it may have acknowledged what is gone, so its id never votes again; with
 * `join` it comes back under a new one. Throws DIRECTORY_OF_ANOTHER_NODE when the options name another id
 * or address than the directory belongs to.
 */
export async function planStart(
  disk: Disk,
  options: NodeOptions,
  facts: DirectoryFacts,
  newId: () => bigint,
): Promise<StartPlan> {
  const known = await readIdentity(disk);
  if (known !== undefined) {
    const { joining, fresh } = await readFlags(disk);
    if (!facts.hasEntries && !joining && !fresh) return planEmptied(disk, known, options, newId);
    checkSame(disk, known, options);
    return { mode: joining ? 'join' : 'resume', identity: known, isNew: false };
  }
  const address = options.address;
  if (facts.hasLog) {
    const id = options.id ?? facts.memberId;
    if (id === undefined) {
      throw new QuorateError(
        'DIRECTORY_OF_ANOTHER_NODE',
        `${disk.path} has a log in which nobody has the address ${address}; give the address it was made with, or its --id`,
      );
    }
    return { mode: 'resume', identity: { id, address }, isNew: true };
  }
  const start = options.start ?? 'auto';
  if (start === 'wait') {
    if (options.id === undefined) throw new QuorateError('OPTIONS', "start 'wait' needs an id");
    return { mode: 'wait', identity: { id: options.id, address }, isNew: true };
  }
  if (start === 'auto' && joins(options)) {
    return { mode: 'join', identity: { id: options.id ?? newId(), address }, isNew: true };
  }
  return { mode: 'bootstrap', identity: { id: options.id ?? newId(), address }, isNew: true };
}

/** Without the flag of a fresh node an identity means that there was a log. */
function planEmptied(
  disk: Disk,
  known: Identity,
  options: NodeOptions,
  newId: () => bigint,
): StartPlan {
  const lost = `${disk.path} belonged to node ${known.id}, but its log is gone`;
  checkSameAddress(disk, known, options);
  if ((options.start ?? 'auto') === 'auto' && joins(options) && options.id !== known.id) {
    const identity = { id: options.id ?? newId(), address: known.address };
    return { mode: 'join', identity, isNew: true, reason: `${lost}: joining under a new id` };
  }
  return { mode: 'quarantine', identity: known, isNew: false, reason: lost };
}

function joins(options: NodeOptions): boolean {
  return options.join !== undefined && options.join.length > 0;
}

function checkSame(disk: Disk, known: Identity, options: NodeOptions): void {
  checkSameAddress(disk, known, options);
  if (options.id !== undefined && known.id !== options.id) {
    throw new QuorateError(
      'DIRECTORY_OF_ANOTHER_NODE',
      `${disk.path} belongs to node ${known.id}, not ${options.id}`,
    );
  }
}

function checkSameAddress(disk: Disk, known: Identity, options: NodeOptions): void {
  if (known.address === options.address) return;
  throw new QuorateError(
    'DIRECTORY_OF_ANOTHER_NODE',
    `${disk.path} belongs to the node at ${known.address}, not ${options.address}; the others know it by that address: ` +
      'to move it, remove the member, empty the directory and let it join again',
  );
}
