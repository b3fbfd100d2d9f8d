import { AssertionError, type LogIndex, type NodeId, type Term } from '../base/index.ts';
import type { Recovered } from '../log/index.ts';
import { crc32 } from '../wire/index.ts';

/** A broken promise, named as in docs/invariants.md. */
export class Violation extends AssertionError {
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}

/** What no single node can know: the history of the whole cluster. Throws Violation as soon as it is contradicted. */
export class Invariants {
  readonly #leaders = new Map<Term, NodeId>();
  /** The command applied at an index. */
  readonly #applied = new Map<LogIndex, Uint8Array>();
  /** "index/term" → checksum of type and data. */
  readonly #entries = new Map<string, number>();
  checks = 0;

  /** ES: at most one leader in a term. */
  leads(id: NodeId, term: Term): void {
    this.checks++;
    const known = this.#leaders.get(term);
    if (known !== undefined && known !== id) {
      throw new Violation('ES', `${known} and ${id} both lead term ${term}`);
    }
    this.#leaders.set(term, id);
  }

  /** SMS: all nodes apply the same command at an index. */
  applies(id: NodeId, index: LogIndex, command: Uint8Array): void {
    this.checks++;
    const known = this.#applied.get(index);
    if (known === undefined) this.#applied.set(index, command);
    else if (Buffer.compare(known, command) !== 0) {
      throw new Violation('SMS', `${id} applies something else at ${index}`);
    }
  }

  /** LM: entries with equal index and term are equal, on whatever disk. */
  log(id: NodeId, recovered: Recovered): void {
    for (const [i, entry] of recovered.entries.entries()) {
      this.checks++;
      const key = `${recovered.firstIndex + i}/${entry.term}`;
      const checksum = crc32(entry.data, entry.type.length);
      const known = this.#entries.get(key);
      if (known !== undefined && known !== checksum) {
        throw new Violation('LM', `${id} has another entry at ${key}`);
      }
      this.#entries.set(key, checksum);
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
