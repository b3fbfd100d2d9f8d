import type { LogIndex, NodeId } from '../base/index.ts';

/** Smallest number of voters that is a majority of `voters`; 1 for none, which nobody can reach. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * Highest index that a majority of `matches` has reached; 0 for no voters (thesis §3.6).
 * `matches` holds one match index per voter and is sorted in place.
 */
export function quorumIndex(matches: LogIndex[]): LogIndex {
  const count = matches.length;
  if (count === 0) return 0 as LogIndex;
  // Insertion sort, descending: at most a handful of voters, and no callback per comparison.
  for (let i = 1; i < count; i++) {
    const value = matches[i];
    let at = i - 1;
    for (; at >= 0 && matches[at] < value; at--) matches[at + 1] = matches[at];
    matches[at + 1] = value;
  }
  return matches[majority(count) - 1];
}

/** Whether the voters for whom `has` holds are a majority of `voters`. */
export function hasQuorum(voters: readonly NodeId[], has: (id: NodeId) => boolean): boolean {
  if (voters.length === 0) return false;
  let count = 0;
  for (const id of voters) if (has(id)) count++;
  return count >= majority(voters.length);
}
