import { type LogIndex, logIndex, type NodeId } from '../base/index.ts';
import type { LocalQuery, NearbyNode } from '../client/index.ts';
import { BriefPages, type BriefPagesOptions } from './brief-pages.ts';
import { Confirmations, type Confirmed, type Level } from './confirmations.ts';
import type { FreshnessWord } from './freshness-word.ts';

export interface HostedNodeOptions extends BriefPagesOptions {
  readonly freshness: FreshnessWord;
  /** Puts a question to the node; see `NearbyNode.confirm`. */
  ask(level: Level, done: Confirmed): void;
}

/** The node in this process, as its clients see it. */
export class HostedNode implements NearbyNode {
  readonly id: NodeId;
  readonly address: string;
  readonly #freshness: FreshnessWord;
  readonly #confirmations: Confirmations;
  readonly #pages: BriefPages;

  constructor(id: NodeId, address: string, options: HostedNodeOptions) {
    this.id = id;
    this.address = address;
    this.#freshness = options.freshness;
    this.#confirmations = new Confirmations((level, done) => options.ask(level, done));
    this.#pages = new BriefPages(options);
  }

  get applied(): LogIndex {
    return logIndex(this.#freshness.read().applied);
  }

  confirm(level: Level, done: Confirmed): void {
    this.#confirmations.ask(level, done);
  }

  read(database: string, declaration: string, query: LocalQuery) {
    return this.#pages.read(database, declaration, query);
  }

  close(): void {
    this.#pages.close();
  }
}
