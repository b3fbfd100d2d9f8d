import type { LogIndex, NodeId, RequestVote, Term } from '../base/index.ts';
import { describeDirectory, type Recovered } from '../log/index.ts';
import type { ConsensusWatch, RaftView } from '../node/index.ts';
import type { PersistOperation, RaftEffect, RaftInput, RaftOutput } from '../raft/index.ts';
import { decodeMetadata, METADATA_BYTES } from '../wire/index.ts';
import type { SimulatedDisk } from './disk.ts';
import type { Holder, Invariants, KnownEntry } from './invariants.ts';
import type { Moment } from './leader-answers.ts';
import { Violation } from './violation.ts';
import { WitnessedConfigurations } from './witnessed-configurations.ts';

/** The whole disk is looked at when so much time has passed since the last look. */
const LOOK_EVERY_MS = 5000;

type ReadConfirmed = Extract<RaftEffect, { kind: 'read-confirmed' }>;
type Envelope = RaftOutput['send'][number];

export interface WitnessOptions {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  readonly invariants: Invariants;
  readonly electionTimeoutMs: number;
  readonly now: () => number;
  /** The run is over. */
  failed(error: unknown): void;
}

/**
 * Remembers, beyond the deaths of one node, what it promised and what it held, and compares every step of its
 * consensus with that and with what the others did.
 */
export class Witness implements ConsensusWatch, Holder {
  readonly #options: WitnessOptions;
  readonly #id: NodeId;
  readonly #invariants: Invariants;
  /** The log as the core knows it. Nothing below what a snapshot replaced. */
  #log = new Map<number, KnownEntry>();
  /** What was stored on the disk when it lost everything. */
  readonly #forgotten = new Map<number, KnownEntry>();
  #lastIndex = 0;
  #stored = 0;
  readonly #configurations = new WitnessedConfigurations();
  /** Votes that left, by term. */
  readonly #votes = new Map<Term, NodeId>();
  /** The highest term and index that answers have promised to keep. */
  #promisedTerm = 0 as Term;
  #promisedIndex = 0;
  #term = 0 as Term;
  #commit = 0;
  #leads = false;
  /** It was no leader before this step. */
  #followed = true;
  #first = true;
  /** When a read arrived, and what was committed anywhere then, by tag. */
  readonly #reads = new Map<number, { readonly moment: Moment; readonly committed: LogIndex }>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #startedAt = 0;
  /** Whether this process began with a log, in a cluster of more than one voter. */
  #mustWait = false;
  /** Its last leadership, with the last two sets of voters that were in force: a round may end when a change begins. */
  #leadership = { term: 0 as Term, voters: [] as (readonly NodeId[])[] };
  /** The leadership before that: an answer may leave when another one has begun already. */
  #earlierLeadership = this.#leadership;
  /** When it last led: the only voter needs nobody to tell it. */
  #ledAt: Moment = 0;
  /** Who asked for a vote in which term because a leader had told it to: the vote leaves later, when it is durable. */
  readonly #ordered = new Set<string>();

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#id = options.id;
    this.#invariants = options.invariants;
    options.invariants.register(options.id, this);
  }

  stores(index: LogIndex, entry: KnownEntry): boolean {
    // A leader counts what it was truly told, also when the files are gone meanwhile.
    if (this.#forgotten.get(index) === entry) return true;
    if (this.#stored < index) return false;
    const own = this.#log.get(index);
    return own === undefined || own === entry;
  }

  votedFor(candidate: NodeId, term: Term): boolean {
    return this.#votes.get(term) === candidate;
  }

  leadsWithout(term: Term, index: LogIndex, entry: KnownEntry): boolean {
    if (!this.#leads || this.#term !== term) return false;
    if (index > this.#lastIndex) return true;
    const own = this.#log.get(index);
    return own !== undefined && own !== entry;
  }

  wasLeaderSince(moment: Moment): boolean {
    const { answers } = this.#invariants;
    return [this.#leadership, this.#earlierLeadership].some(({ term, voters }) =>
      voters.some((set) =>
        set.length > 1
          ? answers.majoritySince(moment, this.#id, term, set)
          : this.#leads || this.#ledAt > moment,
      ),
    );
  }

  /** A new process starts on what is on the disk. DBA and MON: it keeps what the last one promised. */
  restarts(recovered: Recovered | undefined): void {
    this.#first = true;
    this.#startedAt = this.#options.now();
    this.#leads = false;
    this.#commit = 0;
    this.#term = 0 as Term;
    this.#reads.clear();
    this.#configurations.clear();
    if (recovered === undefined) return;
    this.#log = this.#invariants.log(this.#id, recovered);
    this.#lastIndex = recovered.lastIndex;
    this.#stored = recovered.lastIndex;
    if (!recovered.quarantined) this.#checkKept(recovered, 'after its crash');
  }

  /** All files are gone. What was promised cannot be kept any more; that nobody votes twice still holds. */
  forgets(): void {
    for (const [index, entry] of this.#log) {
      if (index <= this.#stored) this.#forgotten.set(index, entry);
    }
    this.#log = new Map();
    this.#leads = false;
    this.#lastIndex = 0;
    this.#stored = 0;
    this.#promisedTerm = 0 as Term;
    this.#promisedIndex = 0;
  }

  /** DBA: everything that answers have promised is on this disk. */
  #checkKept(recovered: Recovered, when: string): void {
    this.#invariants.durable(this.#id, this.#promisedIndex as LogIndex, recovered);
    const { term, vote } = recovered;
    if (term < this.#promisedTerm) {
      throw new Violation(
        'DBA',
        `${this.#id} was in term ${this.#promisedTerm} and is in ${term} ${when}`,
      );
    }
    const given = this.#votes.get(term);
    if (given !== undefined && given !== vote) {
      throw new Violation('DBA', `${this.#id} voted for ${given} in term ${term}, ${vote} ${when}`);
    }
  }

  stepped(input: RaftInput, output: RaftOutput, raft: RaftView): void {
    this.#guard(() => this.#stepped(input, output, raft));
  }

  sends(envelopes: readonly Envelope[], raft: RaftView): void {
    this.#guard(() => {
      for (const envelope of envelopes) this.#sends(envelope, raft);
    });
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#options.failed(error);
      throw error;
    }
  }

  #stepped(input: RaftInput, output: RaftOutput, raft: RaftView): void {
    const led = this.#leads && raft.term === this.#term && raft.role === 'leader';
    this.#checkMonotonic(raft);
    if (input.kind === 'read') {
      const moment = this.#invariants.answers.now();
      this.#reads.set(input.tag, { moment, committed: this.#invariants.highestCommitted });
    }
    if (input.kind === 'install-finished' && input.ok) this.#installed(raft);
    for (const operation of output.persist) this.#persists(operation, led, raft);
    this.#stored = raft.storedIndex;
    this.#obeysTimeoutNow(input, output, raft);
    if (input.kind === 'receive' && input.message.type === 'request-vote') {
      this.#grants(input.message, output, raft);
      const { candidate, term, disrupt } = input.message;
      if (disrupt) this.#ordered.add(`${candidate}/${term}`);
    }
    this.#followed = !this.#leads;
    if (this.#leads) this.#ledAt = this.#invariants.answers.now();
    this.#leads = raft.role === 'leader';
    this.#term = raft.term;
    this.#commit = raft.commit;
    for (const effect of output.effects) this.#effect(effect, raft);
  }

  /** M7: a TimeoutNow that was on its way too long has no effect. */
  #obeysTimeoutNow(input: RaftInput, output: RaftOutput, raft: RaftView): void {
    if (input.kind !== 'receive' || input.message.type !== 'timeout-now') return;
    if (input.message.lastIndex === raft.lastIndex) return;
    if (output.send.some(({ message }) => message.type === 'request-vote')) {
      throw new Violation('M7', `${this.#id} obeys a TimeoutNow for ${input.message.lastIndex}`);
    }
  }

  /** LC: a vote or pre-vote is for a log that is not behind the own one (Raft paper, §5.4.1). */
  #grants(request: RequestVote, output: RaftOutput, raft: RaftView): void {
    const granted = ({ message }: Envelope): boolean =>
      message.type === 'request-vote-result' && message.granted;
    if (!output.send.some(granted) && !output.sendAfter.some(granted)) return;
    const ownTerm = raft.termOf(raft.lastIndex) ?? 0;
    const behind =
      request.lastTerm < ownTerm ||
      (request.lastTerm === ownTerm && request.lastIndex < raft.lastIndex);
    if (behind) {
      throw new Violation(
        'LC',
        `${this.#id} votes for a log that ends at ${request.lastIndex} of term ${request.lastTerm}`,
      );
    }
  }

  /** MON and ORD. */
  #checkMonotonic(raft: RaftView): void {
    const { term, commit, lastIndex, storedIndex } = raft;
    if (this.#first && term < this.#promisedTerm && !raft.quarantined) {
      throw new Violation('MON', `${this.#id} starts in term ${term} after ${this.#promisedTerm}`);
    }
    if (this.#first) this.#mustWait = storedIndex > 1;
    this.#first = false;
    if (term < this.#term || commit < this.#commit) {
      throw new Violation(
        'MON',
        `${this.#id}: term ${this.#term} to ${term}, commit ${this.#commit} to ${commit}`,
      );
    }
    if (commit > lastIndex || storedIndex > lastIndex) {
      throw new Violation(
        'ORD',
        `${this.#id}: commit ${commit}, stored ${storedIndex}, last ${lastIndex}`,
      );
    }
  }

  /** A snapshot took the place of the log. */
  #installed(raft: RaftView): void {
    if (raft.firstIndex <= this.#lastIndex && raft.lastIndex >= this.#lastIndex) return;
    this.#log = new Map();
    this.#lastIndex = raft.lastIndex;
    this.#promisedIndex = Math.min(this.#promisedIndex, raft.lastIndex);
  }

  #persists(operation: PersistOperation, led: boolean, raft: RaftView): void {
    if (operation.kind === 'truncate') this.#truncates(operation.from, led);
    else if (operation.kind === 'append') {
      const { first, entries } = operation;
      if (led && first <= this.#lastIndex) {
        throw new Violation('LAO', `the leader ${this.#id} overwrites entry ${first}`);
      }
      for (const [i, entry] of entries.entries()) {
        const index = first + i;
        if (entry.type === 'configuration' && led && this.#configurations.newest > raft.commit) {
          throw new Violation(
            'CFG',
            `${this.#id} begins a change at ${index} before the last is committed`,
          );
        }
        this.#log.set(
          index,
          this.#invariants.holds(this.#id, index, entry, this.#log.get(index - 1)),
        );
      }
      this.#lastIndex = first + entries.length - 1;
    }
  }

  /** LAO and NOTRUNC. */
  #truncates(from: LogIndex, led: boolean): void {
    if (led && from <= this.#lastIndex) {
      throw new Violation('LAO', `the leader ${this.#id} truncates at ${from}`);
    }
    // What failed to be stored is cut off the disk and written again.
    if (from <= this.#commit && from <= this.#stored) {
      throw new Violation('NOTRUNC', `${this.#id} truncates at ${from}, commit is ${this.#commit}`);
    }
    for (let index = from; index <= this.#lastIndex; index++) {
      const term = this.#log.get(index)?.term;
      const committed = this.#invariants.committedTerm(index);
      if (index <= this.#stored && committed !== undefined && committed === term) {
        throw new Violation('NOTRUNC', `${this.#id} truncates ${index}, which is committed`);
      }
      this.#log.delete(index);
    }
    // A truncation is where old and new entries can be taken for each other.
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    if (from <= this.#promisedIndex) this.#promisedIndex = from - 1;
    if (from <= this.#lastIndex) this.#lastIndex = from - 1;
  }

  #effect(effect: RaftEffect, raft: RaftView): void {
    if (effect.kind === 'role' && effect.role === 'leader') this.#becomesLeader(effect.term, raft);
    else if (effect.kind === 'configuration') {
      this.#invariants.configuration(
        this.#id,
        effect.index,
        effect.configuration,
        effect.committed,
      );
      this.#configurations.tell(this.#id, effect, raft.commit);
      if (this.#leads) {
        this.#leadership.voters = [
          ...this.#leadership.voters.slice(-1),
          this.#configurations.voters,
        ];
      }
    } else if (effect.kind === 'commit') this.#commits(effect, raft);
    else if (effect.kind === 'read-failed') this.#reads.delete(effect.tag);
    else if (effect.kind === 'read-confirmed') this.#confirms(effect, raft.term);
  }

  /** READ: at no less than was committed when it arrived, and not without asking a majority after that. */
  #confirms({ tag, index }: ReadConfirmed, term: Term): void {
    const read = this.#reads.get(tag);
    this.#reads.delete(tag);
    if (read === undefined) return;
    if (index < read.committed) {
      throw new Violation(
        'READ',
        `${this.#id} reads at ${index} when ${read.committed} was committed before`,
      );
    }
    const { voters } = this.#configurations;
    const { answers } = this.#invariants;
    if (voters.length > 0 && !answers.majoritySince(read.moment, this.#id, term, voters)) {
      throw new Violation('READ', `${this.#id} confirms a read that no majority was asked for`);
    }
  }

  /** ES, QUIET and LC. */
  #becomesLeader(term: Term, raft: RaftView): void {
    this.#invariants.leads(this.#id, term);
    // A voter that is to be removed may be needed until that is committed (thesis 4.2.2), also after a restart.
    const { newest } = this.#configurations;
    const settled = this.#invariants.committedTerm(newest);
    // A restart forgets how far it was committed: until that is told again it may be needed, as far as it knows.
    const decided =
      settled !== undefined && settled === raft.termOf(newest) && raft.commit >= newest;
    if (!this.#configurations.mayLead(this.#id) && decided) {
      throw new Violation('QUIET', `${this.#id} leads term ${term} and is no voter`);
    }
    this.#invariants.elected(this.#id, term, this.#configurations.voters);
    this.#earlierLeadership = this.#leadership;
    this.#leadership = { term, voters: [this.#configurations.voters] };
    const highest = this.#invariants.highestCommitted;
    const committed = this.#invariants.committedTerm(highest);
    const own = raft.lastIndex < highest ? 0 : raft.termOf(highest);
    // Votes may arrive when a later term has long committed something: such a leader is harmless.
    if (committed === undefined || committed > term) return;
    if (own !== undefined && own !== committed) {
      throw new Violation(
        'LC',
        `${this.#id} leads term ${term} without entry ${highest} of term ${committed}`,
      );
    }
  }

  #commits(effect: Extract<RaftEffect, { kind: 'commit' }>, raft: RaftView): void {
    const { first, entries } = effect;
    for (const [i, { term }] of entries.entries()) {
      this.#invariants.commits(this.#id, (first + i) as LogIndex, term);
    }
    const index = (first + entries.length - 1) as LogIndex;
    if (raft.role !== 'leader') {
      // A leader commits what others have stored, and may end its leadership in the same step.
      if (index <= raft.storedIndex || !this.#followed) return;
      const detail = `${this.#id} commits ${index} and has stored ${raft.storedIndex}`;
      throw new Violation('ORD', detail);
    }
    const entry = this.#log.get(index);
    if (entry === undefined) return;
    if (entry.term !== raft.term) {
      throw new Violation(
        'QD',
        `the leader ${this.#id} of term ${raft.term} commits ${index} of term ${entry.term}`,
      );
    }
    const stored = this.#invariants.quorumStores(index, entry, this.#configurations.voters);
    if (!stored) {
      throw new Violation(
        'QD',
        `the leader ${this.#id} commits ${index}, which no majority has stored`,
      );
    }
  }

  // — what leaves —

  #sends({ to, message }: Envelope, raft: RaftView): void {
    if (raft.quarantined) this.#checkQuarantine(message);
    if (message.type === 'append-entries-result') {
      this.#promisesTerm(message.term);
      this.#invariants.answers.answers(this.#id, message.term);
      if (message.rejected === 0 && message.term === raft.term) {
        this.#acknowledges(message.lastIndex, raft);
      }
    } else if (message.type === 'request-vote-result' && message.preVote !== true) {
      this.#promisesTerm(message.term);
      if (message.granted) this.#votesFor(to, message.term);
    }
  }

  /** M15: who may have lost something neither votes nor acknowledges. */
  #checkQuarantine(message: Envelope['message']): void {
    const { type } = message;
    const promises =
      (type === 'request-vote-result' && message.granted) ||
      (type === 'append-entries-result' && message.rejected === 0);
    if (promises) throw new Violation('M15', `${this.#id} is quarantined and sends ${type}`);
  }

  /** DBA: an answer names a term only when it is durable. */
  #promisesTerm(term: Term): void {
    if (term <= this.#promisedTerm) return;
    const durable = this.#durableTerm();
    if (durable.term < term) {
      throw new Violation(
        'DBA',
        `${this.#id} answers in term ${term}, on its disk is ${durable.term}`,
      );
    }
    this.#promisedTerm = term;
  }

  /** DBA and MON: one vote in a term, and it is durable. */
  #votesFor(candidate: NodeId, term: Term): void {
    const ordered = this.#ordered.has(`${candidate}/${term}`);
    if (
      !ordered &&
      this.#mustWait &&
      this.#options.now() < this.#startedAt + this.#options.electionTimeoutMs
    ) {
      throw new Violation('M7', `${this.#id} votes in term ${term} when it has just started`);
    }
    const given = this.#votes.get(term);
    if (given !== undefined && given !== candidate) {
      throw new Violation('MON', `${this.#id} votes for ${given} and ${candidate} in term ${term}`);
    }
    const durable = this.#durableTerm();
    if (durable.term === term && durable.vote !== candidate) {
      throw new Violation(
        'DBA',
        `${this.#id} votes for ${candidate}, on its disk is ${durable.vote}`,
      );
    }
    this.#votes.set(term, candidate);
  }

  /** DBA: what is acknowledged is on the disk; now and then the disk itself is asked. */
  #acknowledges(index: LogIndex, raft: RaftView): void {
    if (index > raft.storedIndex) {
      throw new Violation(
        'DBA',
        `${this.#id} acknowledges ${index} and has stored ${raft.storedIndex}`,
      );
    }
    const entry = this.#log.get(index);
    if (entry !== undefined) this.#invariants.acknowledged(this.#id, raft.term, index, entry);
    if (index <= this.#promisedIndex) return;
    this.#promisedIndex = index;
    const now = this.#options.now();
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    describeDirectory(this.#options.disk.afterWorstCrash().mount()).then(
      (recovered) => {
        if (recovered.quarantined) return;
        const found = recovered.entries[index - recovered.firstIndex]?.term;
        const same = entry === undefined || found === undefined || found === entry.term;
        if (recovered.lastIndex >= index && same) return;
        const medium = `on its disk is ${recovered.lastIndex}, of term ${found} there`;
        const detail = `${this.#id} acknowledges ${index}, ${medium}`;
        this.#options.failed(new Violation('DBA', detail));
      },
      // Damage that a fault has done is reported when the node starts.
      () => undefined,
    );
  }

  /** Term and vote as they are on the medium. */
  #durableTerm(): { readonly term: Term; readonly vote: NodeId } {
    let version = 0;
    let newest = { term: 0 as Term, vote: 0n };
    for (const name of ['metadata1', 'metadata2']) {
      const bytes = this.#options.disk.durable(name);
      if (
        bytes === undefined ||
        bytes.length !== METADATA_BYTES ||
        bytes[8] + bytes[9] + bytes[10] === 0
      )
        continue;
      const found = decodeMetadata(bytes);
      if (found.version <= version) continue;
      version = found.version;
      newest = { term: found.term, vote: found.votedFor };
    }
    return newest;
  }
}
