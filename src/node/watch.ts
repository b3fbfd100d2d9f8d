import type { Raft, RaftInput, RaftOutput } from '../raft/index.ts';

/**
 * Looks at every step of the consensus and at every message that leaves, to compare them with what must always hold.
 * It changes nothing; what it throws stops the node.
 */
export interface ConsensusWatch {
  /** The core has made this of the input; nothing of the output has been obeyed. */
  stepped(input: RaftInput, output: RaftOutput, raft: Raft): void;
  /** These leave now. */
  sends(envelopes: RaftOutput['send'], raft: Raft): void;
}
