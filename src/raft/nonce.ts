import type { Term } from '../base/index.ts';

/**
 * Previous indexes that no log reaches. A follower of any version answers an AppendEntries with such
 * an index `rejected` with that very index at once, with its election clock reset and without any
 * other effect; so the answer says which question it belongs to (M6).
 */
export const NONCE_BASE = 2 ** 48;

/** Previous index of messages that only keep a follower from campaigning and prove that it lives. */
export const KEEPALIVE_INDEX = NONCE_BASE + 2 ** 47;

/** Read rounds that one process can number, and processes of one node that number differently. */
const ROUNDS_PER_PROCESS = 2 ** 32;
const PROCESSES = 2 ** 14;

/**
 * Read rounds of a process that starts in this term are numbered from here on. It leads in a higher term only, so its next process begins
 * elsewhere: a C follower answers also what is left of an older term, in its present one, and that must not answer a new question.
 */
export function roundsBefore(term: Term): number {
  return (Math.max(0, term - 1) % PROCESSES) * ROUNDS_PER_PROCESS;
}

/**
 * What a quarantined node answers as rejected index (M15): it is not the index that was asked,
 * so a leader of any version stays where it is, counts nothing, and does not take it for a read
 * round, which begin at NONCE_BASE + 1.
 */
export const QUARANTINE_INDEX = NONCE_BASE;
