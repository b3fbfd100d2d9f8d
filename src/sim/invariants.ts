import type { Configuration, Entry, LogIndex, NodeId, Term } from '../base/index.ts';
import type { Recovered } from '../log/index.ts';
import { hashEntry, mix } from './entry-hash.ts';
import { EntryPages } from './entry-pages.ts';
import { LeaderAnswers, type Moment } from './leader-answers.ts';
import { ReferenceState } from './reference-state.ts';
import { Violation } from './violation.ts';

export { Violation } from './violation.ts';

/** One entry of the whole cluster, known by index and term. Nodes that hold it share this object. */
export interface KnownEntry {
  readonly term: Term;
  readonly hash: number;
  /** Hash of this entry and all before it; undefined while something before it was never seen. */
  chain: number | undefined;
}

/** What one node has of the log, for the questions that need several nodes. */
export interface Holder {
  /** Whether the entry is on its disk, as far as the node knows. */
  stores(index: LogIndex, entry: KnownEntry): boolean;
  /** Whether it voted for the candidate in this term, in a message that left. */
  votedFor(candidate: NodeId, term: Term): boolean;
  /** Whether it is known not to have the entry in its log although it leads this term. */
  leadsWithout(term: Term, index: LogIndex, entry: KnownEntry): boolean;
  /** Whether a majority has answered it, as the leader of a term, since the moment. */
  wasLeaderSince(moment: Moment): boolean;
}

/** What no single node can know: the history of the whole cluster. Throws Violation as soon as it is contradicted. */
export class Invariants {
  readonly #leaders = new Map<Term, NodeId>();
  /** The command applied at an index. */
  readonly #applied = new Map<LogIndex, Uint8Array>();
  readonly #pages = new EntryPages();
  readonly #state = new ReferenceState();
  readonly #entries = new Map<number, KnownEntry[]>();
  /** Term of the committed entry, by index. */
  readonly #committed = new Map<LogIndex, Term>();
  /** Committed configurations as text, by index. */
  readonly #configurations = new Map<LogIndex, string>();
  readonly #holders = new Map<NodeId, Holder>();
  readonly answers = new LeaderAnswers();
  #highestCommitted = 0 as LogIndex;
  checks = 0;
  /** Also hears of each command when it is first applied, in order of indexes. */
  onCommand: ((index: LogIndex, command: Uint8Array) => void) | undefined;

  /** Highest index that any node called committed. */
  get highestCommitted(): LogIndex {
    return this.#highestCommitted;
  }

  /** Term of the committed entry at an index; undefined = none yet, or nobody looked when it was. */
  committedTerm(index: LogIndex): Term | undefined {
    return this.#committed.get(index);
  }

  register(id: NodeId, holder: Holder): void {
    this.#holders.set(id, holder);
  }

  /** ES: at most one leader in a term. */
  leads(id: NodeId, term: Term): void {
    this.checks++;
    const known = this.#leaders.get(term);
    if (known !== undefined && known !== id) {
      throw new Violation('ES', `${known} and ${id} both lead term ${term}`);
    }
    this.#leaders.set(term, id);
  }

  /** ES: a leader has the votes of a majority of the voters, its own included. */
  elected(id: NodeId, term: Term, voters: readonly NodeId[]): void {
    this.checks++;
    const votes = voters.filter(
      (voter) => voter === id || this.#holders.get(voter)?.votedFor(id, term) === true,
    );
    if (votes.length * 2 <= voters.length) {
      throw new Violation(
        'ES',
        `${id} leads term ${term} with ${votes.length} votes of ${voters.length}`,
      );
    }
  }

  /** SMS: all nodes apply the same command at an index. */
  applies(id: NodeId, index: LogIndex, command: Uint8Array): void {
    this.checks++;
    const known = this.#applied.get(index);
    if (known === undefined) {
      this.#applied.set(index, command);
      this.#pages.check(index, command);
      this.#state.apply(index, command);
      this.onCommand?.(index, command);
    } else if (Buffer.compare(known, command) !== 0) {
      throw new Violation('SMS', `${id} applies something else at ${index}`);
    }
  }

  /** SNAP: a snapshot holds what is committed up to its index, and nothing else (S6). */
  snapshot(id: NodeId, index: LogIndex, chunks: readonly Uint8Array[]): void {
    this.checks++;
    this.#state.check(String(id), index, chunks);
  }

  /** SMS: what one node calls committed nobody contradicts. */
  commits(id: NodeId, index: LogIndex, term: Term): void {
    this.checks++;
    const known = this.#committed.get(index);
    if (known !== undefined && known !== term) {
      throw new Violation('SMS', `${id} commits term ${term} at ${index}, others term ${known}`);
    }
    this.#committed.set(index, term);
    if (index > this.#highestCommitted) this.#highestCommitted = index;
  }

  /** Whether a majority of the voters has stored this. */
  quorumStores(index: LogIndex, entry: KnownEntry, voters: readonly NodeId[]): boolean {
    this.checks++;
    let count = 0;
    for (const voter of voters) {
      if (this.#holders.get(voter)?.stores(index, entry) === true) count++;
    }
    return count * 2 > voters.length;
  }

  /** DBA: what is acknowledged to a leader is what this leader has there. */
  acknowledged(id: NodeId, term: Term, index: LogIndex, entry: KnownEntry): void {
    this.checks++;
    const leader = this.#leaders.get(term);
    if (leader === undefined || leader === id) return;
    if (this.#holders.get(leader)?.leadsWithout(term, index, entry) !== true) return;
    throw new Violation(
      'DBA',
      `${id} acknowledges ${index} of term ${entry.term}, which ${leader}, who leads term ${term}, does not have`,
    );
  }

  /** GATE: what a request is told rests on a leadership that was confirmed after it had come (M5, N4). */
  answered(id: NodeId, moment: Moment): void {
    this.checks++;
    for (const holder of this.#holders.values()) if (holder.wasLeaderSince(moment)) return;
    throw new Violation('GATE', `${id} answers a request that came when nobody was known to lead`);
  }

  /** CFG: all nodes have the same committed configuration at an index, also by way of a snapshot. */
  configuration(id: NodeId, index: LogIndex, value: Configuration, committed: boolean): void {
    if (!committed || index === 0) return;
    this.checks++;
    const text = value.members.map((member) => `${member.id} ${member.role}`).join(', ');
    const known = this.#configurations.get(index);
    if (known !== undefined && known !== text) {
      throw new Violation('CFG', `${id} has ${text} at ${index}, others ${known}`);
    }
    this.#configurations.set(index, text);
  }

  /** LM: entries with equal index and term are equal, and so is everything before them. */
  holds(id: NodeId, index: number, entry: Entry, before: KnownEntry | undefined): KnownEntry {
    this.checks++;
    const { term } = entry;
    const hash = hashEntry(entry);
    const prefix = index === 1 ? 0 : before?.chain;
    const chain = prefix === undefined ? undefined : mix(mix(prefix, term), hash);
    let known = this.#entries.get(index);
    if (known === undefined) {
      known = [];
      this.#entries.set(index, known);
    }
    const same = known.find((other) => other.term === term);
    if (same === undefined) {
      const created = { term, hash, chain };
      known.push(created);
      return created;
    }
    if (same.hash !== hash) {
      throw new Violation('LM', `${id} has another entry at ${index} of term ${term}`);
    }
    if (chain !== undefined) {
      same.chain ??= chain;
      if (same.chain !== chain) {
        throw new Violation('LM', `${id} has another log before ${index} of term ${term}`);
      }
    }
    return same;
  }

  /** LM on a disk as it was found. Returns what is there, by index. */
  log(id: NodeId, recovered: Recovered): Map<number, KnownEntry> {
    const found = new Map<number, KnownEntry>();
    for (const [i, entry] of recovered.entries.entries()) {
      const index = recovered.firstIndex + i;
      found.set(index, this.holds(id, index, entry, found.get(index - 1)));
    }
    return found;
  }

  /** L7: a crash alone is no reason to doubt the log; only damage of the disk is. */
  undoubted(id: NodeId, recovered: Recovered): void {
    this.checks++;
    if (recovered.quarantined) {
      const why = recovered.quarantineReason ?? 'without a reason';
      throw new Violation('L7', `${id} doubts its undamaged log: ${why}`);
    }
  }

  /** DBA: what a leader of the same term counted as stored on a node survives the node's crash. */
  durable(id: NodeId, counted: LogIndex, recovered: Recovered): void {
    this.checks++;
    if (recovered.lastIndex < counted) {
      throw new Violation(
        'DBA',
        `${id} acknowledged ${counted} and has ${recovered.lastIndex} after its crash`,
      );
    }
  }
}
