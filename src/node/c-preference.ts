import type { Member, NodeId, Term } from '../base/index.ts';

export interface CPreferenceOptions {
  readonly self: NodeId;
  /** The term in which this node leads and executes; undefined = it does not. */
  leads(): Term | undefined;
  members(): readonly Member[];
  databases(): readonly string[];
  isC(id: NodeId): boolean;
  transfer(to: NodeId): void;
}

/**
 * Where a database is UTF-16, which C wrote and this SQLite cannot open, a Quorate leader serves it to nobody: it gives leadership to
 * a voter that is a C node, if there is one, once in each of its leaderships (S12).
 */
export class CPreference {
  readonly #options: CPreferenceOptions;
  readonly #unreadable = new Set<string>();
  #triedIn: Term | undefined;

  constructor(options: CPreferenceOptions) {
    this.#options = options;
  }

  unreadable(database: string): void {
    this.#unreadable.add(database);
    this.look();
  }

  /** This node leads now, or knows more of the others. */
  look(): void {
    const { self, leads, members, databases, isC, transfer } = this.#options;
    if (this.#unreadable.size === 0) return;
    const term = leads();
    if (term === undefined || term === this.#triedIn) return;
    if (!databases().some((name) => this.#unreadable.has(name))) return;
    const heir = members().find(({ id, role }) => id !== self && role === 'voter' && isC(id));
    if (heir === undefined) return;
    this.#triedIn = term;
    transfer(heir.id);
  }
}
