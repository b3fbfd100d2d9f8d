import { type Configuration, type Disk, decodeConfiguration, type NodeId } from '../base/index.ts';
import { type FoundLog, findLog, type Recovered, removeFloor } from '../log/index.ts';

/** What a data directory tells before it is opened. */
export interface DirectoryFacts {
  /** It has entries, a snapshot, or at least a term that has begun. */
  readonly hasLog: boolean;
  /** It has entries or a snapshot: a member that is asked for its vote has a term also without them. */
  readonly hasEntries: boolean;
  /** The member with this address in the newest configuration, if there is one. */
  readonly memberId: NodeId | undefined;
}

/** A directory that was read; `Node.start` goes on from it. */
export interface FoundDirectory {
  readonly facts: DirectoryFacts;
  readonly log: FoundLog;
}

/** Reads a directory without changing it. Throws what `findLog` throws. */
export async function findDirectory(disk: Disk, address: string): Promise<FoundDirectory> {
  const log = await findLog(disk);
  return { facts: factsOf(log.recovered, address), log };
}

function factsOf(recovered: Recovered, address: string): DirectoryFacts {
  let configuration: Configuration | undefined = recovered.snapshot?.configuration;
  for (const entry of recovered.entries) {
    if (entry.type === 'configuration') configuration = decodeConfiguration(entry.data);
  }
  return {
    hasEntries: recovered.lastIndex > 0,
    hasLog: recovered.lastIndex > 0 || recovered.term > 0,
    memberId: configuration?.members.find((member) => member.address === address)?.id,
  };
}

/** Before a directory whose log is gone gets a new id: what the old one had promised binds it no more. */
export function forgetFloor(disk: Disk): Promise<void> {
  return removeFloor(disk);
}
