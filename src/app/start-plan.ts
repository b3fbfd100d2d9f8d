import { type Disk, QuorateError } from '../base/index.ts';
import type { DirectoryFacts } from '../node/index.ts';
import { type Identity, readIdentity, readText } from './identity.ts';
import type { NodeOptions } from './options.ts';

/** Empty file of a node whose Add has not succeeded yet (docs/spec/disk-format.md §12.1). */
export const JOIN_FLAG = 'join';

/** How this start goes on: resume a directory, found a cluster, join one, or wait to be added. */
export interface StartPlan {
  readonly mode: 'resume' | 'bootstrap' | 'join' | 'wait';
  readonly identity: Identity;
  /** True when the identity must still be written. */
  readonly isNew: boolean;
}

/**
 * Decides from options and directory. A directory with data is resumed whatever the options say; a new
 * cluster is founded only in an empty directory and only when asked for (RULES M15). Throws
 * DIRECTORY_OF_ANOTHER_NODE when the options name another id or address than the directory belongs to.
 */
export async function planStart(
  disk: Disk,
  options: NodeOptions,
  facts: DirectoryFacts,
  newId: () => bigint,
): Promise<StartPlan> {
  const known = await readIdentity(disk);
  if (known !== undefined) {
    checkSame(disk, known, options);
    const joining = (await readText(disk, JOIN_FLAG)) !== undefined;
    if (!facts.hasLog && !joining && facts.memberId === undefined) {
      return {
        mode: options.start === 'bootstrap' ? 'bootstrap' : 'resume',
        identity: known,
        isNew: false,
      };
    }
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
  if (start === 'auto' && options.join !== undefined && options.join.length > 0) {
    return { mode: 'join', identity: { id: options.id ?? newId(), address }, isNew: true };
  }
  return { mode: 'bootstrap', identity: { id: options.id ?? newId(), address }, isNew: true };
}

function checkSame(disk: Disk, known: Identity, options: NodeOptions): void {
  if (known.address !== options.address) {
    throw new QuorateError(
      'DIRECTORY_OF_ANOTHER_NODE',
      `${disk.path} belongs to the node at ${known.address}, not ${options.address}`,
    );
  }
  if (options.id !== undefined && known.id !== options.id) {
    throw new QuorateError(
      'DIRECTORY_OF_ANOTHER_NODE',
      `${disk.path} belongs to node ${known.id}, not ${options.id}`,
    );
  }
}
