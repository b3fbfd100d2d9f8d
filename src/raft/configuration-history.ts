import {
  assert,
  type Configuration,
  type LogIndex,
  type Member,
  type NodeId,
} from '../base/index.ts';

interface Known {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/**
 * The configuration in force and those it may roll back to. A configuration is in force as soon as
 * its entry is in the log (thesis §4.1).
 *
 * Invariant: indexes rise; all but the first are above the commit index.
 */
export class ConfigurationHistory {
  #known: Known[];
  #voters: readonly NodeId[] = [];
  #members = new Map<NodeId, Member>();
  #committed: boolean;

  constructor(index: LogIndex, configuration: Configuration) {
    this.#known = [{ index, configuration }];
    this.#committed = true;
    this.#refresh();
  }

  #refresh(): void {
    const { members } = this.current;
    this.#voters = members.filter((member) => member.role === 'voter').map((member) => member.id);
    this.#members = new Map(members.map((member) => [member.id, member]));
  }

  get current(): Configuration {
    return this.#known[this.#known.length - 1].configuration;
  }

  get index(): LogIndex {
    return this.#known[this.#known.length - 1].index;
  }

  /** Whether the configuration in force is committed. */
  get committed(): boolean {
    return this.#committed;
  }

  /** Ids of the voters of the configuration in force. */
  get voters(): readonly NodeId[] {
    return this.#voters;
  }

  member(id: NodeId): Member | undefined {
    return this.#members.get(id);
  }

  isMember(id: NodeId): boolean {
    return this.#members.has(id);
  }

  isVoter(id: NodeId): boolean {
    return this.#members.get(id)?.role === 'voter';
  }

  /**
   * Whether a node may stand for election: a voter, or one whose demotion or removal is not committed
   * yet. It may hold the only log that can win, and without it nobody would (thesis §4.2.2).
   */
  mayStand(id: NodeId): boolean {
    if (this.isVoter(id)) return true;
    return this.#known
      .slice(0, -1)
      .some(({ configuration }) =>
        configuration.members.some((member) => member.id === id && member.role === 'voter'),
      );
  }

  isOnlyVoter(id: NodeId): boolean {
    return this.#voters.length === 1 && this.#voters[0] === id;
  }

  append(index: LogIndex, configuration: Configuration): void {
    assert(index > this.index, () => `configuration ${index} after ${this.index}`);
    this.#known.push({ index, configuration });
    this.#committed = false;
    this.#refresh();
  }

  /** The log was cut before `from`; answers whether another configuration is in force now. */
  truncate(from: LogIndex): boolean {
    let changed = false;
    while (this.index >= from) {
      assert(this.#known.length > 1, 'a committed configuration is truncated');
      this.#known.pop();
      changed = true;
    }
    if (changed) {
      this.#committed = this.#known.length === 1;
      this.#refresh();
    }
    return changed;
  }

  /** Everything up to `commit` is committed; answers whether the configuration in force became so. */
  commit(commit: LogIndex): boolean {
    while (this.#known.length > 1 && this.#known[1].index <= commit) this.#known.shift();
    const was = this.#committed;
    this.#committed = this.#known.length === 1;
    return this.#committed && !was;
  }

  /** A snapshot took the place of the log. */
  reset(index: LogIndex, configuration: Configuration): void {
    this.#known = [{ index, configuration }];
    this.#committed = true;
    this.#refresh();
  }
}
