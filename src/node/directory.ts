import {
  type Configuration,
  type Disk,
  decodeConfiguration,
  must,
  type NodeId,
  type Port,
} from '../base/index.ts';
import { type FoundLog, findLog, removeFloor } from '../log/index.ts';
import type { FromMachine, ToMachine } from '../machine/index.ts';
import { MachineCalls } from './machine-calls.ts';
import { SnapshotRestore } from './snapshot-restore.ts';

/** What a data directory tells before it is opened. */
export interface DirectoryFacts {
  /** It has entries, a snapshot, or at least a term that has begun. */
  readonly hasLog: boolean;
  /** It has entries or a snapshot: a member that is asked for its vote has a term also without them. */
  readonly hasEntries: boolean;
  /** The member with this address in the newest configuration, if there is one. */
  readonly memberId: NodeId | undefined;
}

/** A directory that was read and not changed, with its snapshot on the way into the machine; `Node.start` goes on from it. */
export class FoundDirectory {
  readonly calls: MachineCalls;
  readonly restore: SnapshotRestore;
  readonly #disk: Disk;
  #log: FoundLog | undefined;

  private constructor(disk: Disk, machine: Port<ToMachine, FromMachine>) {
    this.#disk = disk;
    this.calls = new MachineCalls(machine);
    this.restore = new SnapshotRestore(this.calls);
  }

  /** Throws what `findLog` throws. The directory must be locked until `Node.start` has opened it. */
  static async read(disk: Disk, machine: Port<ToMachine, FromMachine>): Promise<FoundDirectory> {
    const found = new FoundDirectory(disk, machine);
    found.#log = await findLog(disk, found.restore);
    return found;
  }

  /** undefined = the directory has to be read again. */
  get log(): FoundLog | undefined {
    return this.#log;
  }

  facts(address: string): DirectoryFacts {
    const recovered = must(this.#log, 'a directory that was not read').recovered;
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
  async forgetFloor(): Promise<void> {
    await removeFloor(this.#disk);
    this.#log = undefined;
  }
}
