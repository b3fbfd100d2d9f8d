// Deliberate bugs in the consensus core. Each patch is text that occurs exactly once in a file below src/.

/** @type {import('./catalogue.js').Mutant[]} */
export const raft = [
  {
    name: 'vote-twice',
    rule: 'ES',
    patches: [
      [
        'raft/election.ts',
        "if (!request.preVote && (votedForOther || core.role === 'leader')) return false;",
        "if (!request.preVote && (votedForOther && core.role === 'leader')) return false;",
      ],
    ],
  },
  {
    name: 'vote-not-stored',
    rule: 'DBA',
    patches: [
      [
        'raft/core.ts',
        "operations.push({ kind: 'metadata', term: this.term, vote: this.vote });",
        "operations.push({ kind: 'metadata', term: this.term, vote: 0n });",
      ],
    ],
  },
  {
    name: 'answer-before-term-is-durable',
    rule: 'R4',
    patches: [
      [
        'raft/core.ts',
        'const queue = this.durability.metadataDurable ? this.#send : this.#sendAfter;',
        'const queue = this.#send;',
      ],
    ],
  },
  {
    name: 'vote-for-shorter-log',
    rule: 'LC',
    patches: [['raft/election.ts', 'return request.lastIndex >= lastIndex;', 'return true;']],
  },
  {
    name: 'vote-ignores-last-term',
    rule: 'LC',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/election.ts',
        'if (request.lastTerm !== lastTerm) return request.lastTerm > lastTerm;',
        '',
      ],
    ],
  },
  {
    name: 'own-vote-counts-before-durable',
    rule: 'R1',
    patches: [
      [
        'raft/election.ts',
        'const granted = new Set(preVote ? [core.id] : []);',
        'const granted = new Set([core.id]);',
      ],
    ],
  },
  {
    name: 'stale-pre-vote-counts',
    rule: 'ES',
    patches: [
      [
        'raft/election.ts',
        'if (!matches || !result.granted) return;',
        'if (!result.granted) return;',
      ],
    ],
  },
  {
    name: 'restarted-node-votes-at-once',
    rule: 'M7',
    patches: [
      [
        'raft/core.ts',
        'this.noVoteUntil = mayHaveAnswered ? start.now + start.electionTimeoutMs : start.now;',
        'this.noVoteUntil = mayHaveAnswered ? start.now : start.now;',
      ],
    ],
  },
  {
    name: 'lease-from-the-answers',
    rule: 'M7',
    patches: [
      ['raft/read-rounds.ts', 'until: begunAt + core.leaseMs', 'until: core.now + core.leaseMs'],
    ],
    directed: [
      'raft/lease.test.ts',
      'begins with the round that was confirmed, not with its answers',
    ],
  },
  {
    name: 'lease-while-a-timeout-now-is-on-its-way',
    rule: 'M7',
    patches: [['raft/lease.ts', 'if (leadership.timeoutNow.size > 0) return undefined;', '']],
    directed: ['raft/lease.test.ts', 'an order to stand for election may be on its way'],
  },
  {
    name: 'lease-remembers-the-newest-timeout-now-only',
    rule: 'M7',
    patches: [
      [
        'raft/transfer.ts',
        'leadership.timeoutNow.set(transfer.target, lastIndex);',
        'leadership.timeoutNow.clear(); leadership.timeoutNow.set(transfer.target, lastIndex);',
      ],
    ],
    directed: ['raft/lease.test.ts', 'that is not the newest'],
  },
  {
    name: 'lease-of-a-leader-that-is-no-voter',
    rule: 'M7',
    patches: [['raft/lease.ts', 'if (!core.isVoter) return undefined;', '']],
    directed: ['raft/lease.test.ts', 'is none of a leader that is no voter'],
  },
  {
    name: 'vote-at-once-after-a-late-higher-term',
    rule: 'M7',
    patches: [
      [
        'raft/election.ts',
        'return core.now - core.leaderHeardAt < core.electionTimeoutMs;',
        'return core.leader !== 0n && core.now - core.leaderHeardAt < core.electionTimeoutMs;',
      ],
    ],
    directed: ['raft/lease.test.ts', 'a follower hears late of a higher term that nobody leads'],
  },
  {
    name: 'lease-of-another-configuration',
    rule: 'M7',
    patches: [
      [
        'raft/lease.ts',
        'if (lease.configurationIndex !== configurations.index) return undefined;',
        '',
      ],
    ],
    directed: ['raft/lease.test.ts', 'does not outlive a change of the configuration'],
  },
  {
    name: 'lease-with-a-c-node',
    rule: 'M7',
    patches: [['node/node-core.ts', 'if (!this.kinds.allQuorate) return undefined;', '']],
    directed: ['node/cluster.test.ts', 'no C node may be among the members'],
  },
  {
    name: 'memory-lets-go-of-what-is-not-durable',
    rule: 'R10',
    profiles: ['disk', 'mixed'],
    patches: [
      [
        'raft/core.ts',
        'log.cool(tailBytes, Math.min(this.commit, durability.stored))',
        'log.cool(tailBytes, this.commit)',
      ],
    ],
    fallback: ['raft/random-cluster.test.ts', 'no invariant breaks'],
  },
  {
    name: 'fetched-entries-for-a-connection-that-broke',
    rule: 'R10',
    patches: [
      [
        'raft/progress.ts',
        'this.probeSentAt = Number.NEGATIVE_INFINITY;\n    this.fetching = undefined;',
        'this.probeSentAt = Number.NEGATIVE_INFINITY;',
      ],
    ],
    directed: ['raft/catch-up.test.ts', 'an answer that comes after the connection broke'],
  },
  {
    name: 'heartbeats-that-compare-nothing',
    rule: 'LIVE',
    patches: [
      [
        'raft/replication.ts',
        'core.now - progress.comparedAt < core.electionTimeoutMs',
        'progress.comparedAt > 0',
      ],
    ],
    directed: ['raft/transcript.test.ts', 'snapshot.txt'],
  },
  {
    name: 'timeout-now-ignores-the-log',
    rule: 'M7',
    patches: [
      [
        'raft/election.ts',
        'if (current && sameEnd && mayCampaign(core)) campaign(core, true);',
        'if (current && (sameEnd || mayCampaign(core))) campaign(core, true);',
      ],
    ],
    directed: ['raft/transcript.test.ts', 'transfer.txt'],
  },
  {
    name: 'leader-counts-itself-before-durable',
    rule: 'R3',
    patches: [
      [
        'raft/leadership.ts',
        'if (id === core.id) return core.durability.stored;',
        'if (id === core.id) return core.log.lastIndex;',
      ],
    ],
  },
  {
    name: 'commit-older-term-by-counting',
    rule: 'R3',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/leadership.ts',
        'if (index <= core.commit || index < leadership.firstIndex) return false;\n  assert(core.log.termOf(index) === core.term,',
        'if (index <= core.commit) return false;\n  assert(core.log.termOf(index) !== undefined,',
      ],
    ],
    fallback: ['raft/transcript.test.ts', 'figure-8.txt'],
  },
  {
    name: 'no-barrier',
    rule: 'R3',
    patches: [
      [
        'raft/leadership.ts',
        "core.append({ term: core.term, type: 'barrier', data: BARRIER_DATA }, undefined);",
        'if (core.log.lastIndex === 0) core.log.entry(leadership.firstIndex);',
      ],
    ],
  },
  {
    name: 'commit-without-majority',
    rule: 'QD',
    patches: [
      [
        'raft/quorum.ts',
        'return matches[majority(count) - 1];',
        'return matches[Math.max(0, majority(count) - 2)];',
      ],
    ],
  },
  {
    name: 'previous-term-ignored',
    rule: 'LM',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/follower.ts',
        'if (known !== undefined && known !== previousTerm) {',
        'if (known !== undefined && known > core.term) {',
      ],
    ],
  },
  {
    name: 'conflicting-entries-stay',
    rule: 'LM',
    patches: [
      [
        'raft/follower.ts',
        'if (core.log.termOf(index) === entries[position].term) continue;',
        'if (core.log.termOf(index) !== undefined) continue;',
      ],
    ],
  },
  {
    name: 'truncate-without-term-check',
    rule: 'NOTRUNC',
    patches: [
      ['raft/follower.ts', 'if (core.log.termOf(index) === entries[position].term) continue;', ''],
    ],
  },
  {
    name: 'commit-of-the-leader-not-clamped',
    rule: 'R6',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/follower.ts',
        'const index = Math.min(core.leaderCommit, core.verified, core.durability.stored) as LogIndex;',
        'const index = Math.min(core.leaderCommit, core.log.lastIndex) as LogIndex;',
      ],
    ],
  },
  {
    name: 'acknowledge-what-was-not-compared',
    rule: 'R4',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/follower.ts',
        'answer(core, to, address, 0 as LogIndex, Math.min(stored, core.verified) as LogIndex);',
        'answer(core, to, address, 0 as LogIndex, stored);',
      ],
    ],
    fallback: ['raft/follower.test.ts', 'acknowledges no further than it was compared'],
  },
  {
    name: 'truncated-write-counts',
    rule: 'R5',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/durability.ts',
        'for (const batch of this.#inFlight) if (batch.end > end) batch.end = end;',
        '',
      ],
    ],
    fallback: ['raft/durability.test.ts', 'the completion of a truncated write'],
  },
  {
    name: 'two-changes-at-once',
    rule: 'CFG',
    profiles: ['membership', 'mixed'],
    patches: [
      ['raft/membership.ts', '    !core.configurations.committed ||\n', ''],
      [
        'raft/membership.ts',
        "assert(core.configurations.committed, 'two configuration changes at once');",
        '',
      ],
    ],
  },
  {
    name: 'configuration-in-force-when-committed',
    rule: 'CFG',
    profiles: ['membership', 'mixed'],
    patches: [
      [
        'raft/configuration-history.ts',
        'this.#known.push({ index, configuration });\n    this.#committed = false;\n    this.#refresh();',
        'this.#known.push({ index, configuration });\n    this.#committed = false;',
      ],
      [
        'raft/configuration-history.ts',
        'this.#committed = this.#known.length === 1;\n    return this.#committed && !was;',
        'this.#committed = this.#known.length === 1;\n    if (this.#committed && !was) this.#refresh();\n    return this.#committed && !was;',
      ],
    ],
  },
  {
    name: 'snapshot-without-its-configuration',
    rule: 'CFG',
    profiles: ['membership', 'mixed'],
    patches: [
      [
        'raft/installation.ts',
        'core.configurations.reset(configurationIndex, configuration);',
        'core.configurations.reset(configurationIndex, { members: configuration.members.slice(1) });',
      ],
    ],
  },
  {
    name: 'read-before-own-term-is-committed',
    rule: 'R8',
    patches: [
      ['raft/read-rounds.ts', 'if (core.commit < leadership.firstIndex) return;', ''],
      [
        'raft/read-rounds.ts',
        "assert(round.index >= leadership.firstIndex, 'a read before the own term committed');",
        '',
      ],
    ],
  },
  {
    name: 'round-without-nonce',
    rule: 'M6',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/read-rounds.ts',
        'return follower.round >= round.number || follower.match > round.lastIndex;',
        'return follower.round > 0 || follower.match > round.lastIndex;',
      ],
    ],
  },
  {
    name: 'round-without-quorum',
    rule: 'M6',
    profiles: ['network', 'threads', 'mixed'],
    patches: [
      [
        'raft/read-rounds.ts',
        'if (!answered) return;',
        'if (!answered && voters.length === 0) return;',
      ],
    ],
  },
  {
    name: 'quarantined-voter-votes',
    rule: 'M15',
    patches: [
      [
        'raft/election.ts',
        'if (!core.quarantined && (ordered || !leaderIsAlive(core))) {',
        'if (ordered || !leaderIsAlive(core)) {',
      ],
    ],
    directed: [
      'sim/quarantine.test.ts',
      'a voter that lost a part of its log neither votes nor acknowledges',
    ],
  },
];
