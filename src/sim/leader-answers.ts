import type { NodeId, Term } from '../base/index.ts';

/** A point in the order of what happens in the whole cluster. */
export type Moment = number;

/** When each voter last answered the leader of a term: only that proves, to the leader, that it still was one. */
export class LeaderAnswers {
  #now: Moment = 0;
  readonly #last = new Map<string, Moment>();

  /** This moment; later answers have a later one. */
  now(): Moment {
    return ++this.#now;
  }

  answers(voter: NodeId, term: Term): void {
    this.#last.set(`${voter}/${term}`, this.now());
  }

  /** Whether a majority of the voters has answered after the moment; the leader need not ask itself. */
  majoritySince(moment: Moment, leader: NodeId, term: Term, voters: readonly NodeId[]): boolean {
    const answered = voters.filter(
      (voter) => voter === leader || (this.#last.get(`${voter}/${term}`) ?? 0) > moment,
    );
    return answered.length * 2 > voters.length;
  }
}
