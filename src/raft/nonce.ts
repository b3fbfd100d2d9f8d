/**
 * Previous indexes that no log reaches. A follower of any version answers an AppendEntries with such
 * an index `rejected` with that very index at once, with its election clock reset and without any
 * other effect; so the answer says which question it belongs to (M6).
 */
export const NONCE_BASE = 2 ** 48;

/** Previous index of messages that only keep a follower from campaigning and prove that it lives. */
export const KEEPALIVE_INDEX = NONCE_BASE + 2 ** 47;

/**
 * What a quarantined node answers as rejected index (M15): it is not the index that was asked,
 * so a leader of any version stays where it is, counts nothing, and does not take it for a read
 * round, which begin at NONCE_BASE + 1.
 */
export const QUARANTINE_INDEX = NONCE_BASE;
