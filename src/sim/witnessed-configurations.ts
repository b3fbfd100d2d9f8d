import type { LogIndex, NodeId } from '../base/index.ts';
import type { RaftEffect } from '../raft/index.ts';
import { Violation } from './violation.ts';

type Told = Extract<RaftEffect, { kind: 'configuration' }>;

interface Known {
  readonly index: LogIndex;
  readonly voters: readonly NodeId[];
}

/** The configurations that one node may have in force: the last committed one and what stands above it. */
export class WitnessedConfigurations {
  #known: Known[] = [];

  clear(): void {
    this.#known = [];
  }

  /** Index of the newest one. */
  get newest(): LogIndex {
    return this.#known.at(-1)?.index ?? (0 as LogIndex);
  }

  get voters(): readonly NodeId[] {
    return this.#known.at(-1)?.voters ?? [];
  }

  /** A voter, or one whose demotion is not committed yet. */
  mayLead(id: NodeId): boolean {
    return this.#known.some(({ voters }) => voters.includes(id));
  }

  /** CFG: a configuration differs from the one before it by one voter at most. */
  tell(id: NodeId, told: Told, commit: LogIndex): void {
    const { index } = told;
    const voters = told.configuration.members
      .filter(({ role }) => role === 'voter')
      .map((member) => member.id);
    if (this.newest === index) return;
    const appended = index > this.newest;
    this.#known = this.#known.filter((known) => known.index < index);
    const before = this.#known.at(-1);
    this.#known.push({ index, voters });
    while (this.#known.length > 1 && this.#known[1].index <= commit) this.#known.shift();
    if (!appended || before === undefined || told.committed) return;
    const changed =
      voters.filter((voter) => !before.voters.includes(voter)).length +
      before.voters.filter((voter) => !voters.includes(voter)).length;
    if (changed > 1) throw new Violation('CFG', `${changed} voters change at ${index} on ${id}`);
  }
}
