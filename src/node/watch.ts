import type { Recovered } from '../log/index.ts';
import type { Raft, RaftInput, RaftOutput } from '../raft/index.ts';

/** What a watch may ask of the core. */
export type RaftView = Pick<
  Raft,
  'term' | 'role' | 'commit' | 'lastIndex' | 'firstIndex' | 'storedIndex' | 'quarantined' | 'termOf'
>;

/**
 * Looks at every step of the consensus and at every message that leaves, to compare them with what must always hold.
 * It changes nothing; what it throws stops the node.
 */
export interface ConsensusWatch {
  /** The data directory held this; the core begins with it. */
  recovered?(recovered: Recovered): void;
  /** The core has made this of the input; nothing of the output has been obeyed. */
  stepped(input: RaftInput, output: RaftOutput, raft: RaftView): void;
  /** These leave now. */
  sends(envelopes: RaftOutput['send'], raft: RaftView): void;
}
