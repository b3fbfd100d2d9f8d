import { type Configuration, type Disk, decodeConfiguration, type NodeId } from '../base/index.ts';
import { describeDirectory } from '../log/index.ts';

/** What a data directory tells before it is opened. */
export interface DirectoryFacts {
  readonly hasLog: boolean;
  /** The member with this address in the newest configuration, if there is one. */
  readonly memberId: NodeId | undefined;
}

/** Reads a directory without changing it. Throws what `describeDirectory` throws. */
export async function directoryFacts(disk: Disk, address: string): Promise<DirectoryFacts> {
  const recovered = await describeDirectory(disk);
  let configuration: Configuration | undefined = recovered.snapshot?.configuration;
  for (const entry of recovered.entries) {
    if (entry.type === 'configuration') configuration = decodeConfiguration(entry.data);
  }
  return {
    hasLog: recovered.lastIndex > 0 || recovered.term > 0,
    memberId: configuration?.members.find((member) => member.address === address)?.id,
  };
}
