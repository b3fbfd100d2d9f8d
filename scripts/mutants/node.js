// Deliberate bugs between COMMIT and commitment: epochs, fates, the output gate, reads.

/** @type {import('./catalogue.js').Mutant[]} */
export const node = [
  {
    name: 'fate-decided-by-truncation',
    rule: 'M1',
    patches: [
      [
        'node/seal-book.ts',
        'current.databases.get(seal.database)?.undecided.set(seal.sequence, watch);',
        'if (watch.fate !== undefined) return;',
      ],
    ],
  },
  {
    name: 'propose-without-epoch-check',
    rule: 'M2',
    profiles: ['threads', 'network', 'mixed'],
    patches: [
      [
        'node/leadership.ts',
        'if (!this.#led || seal.epoch !== this.#epoch) return;\n    this.#queue.push(seal);',
        'if (!this.#led) return;\n    this.#queue.push(seal);',
      ],
      [
        'node/seal-book.ts',
        'if (current === undefined || current.epoch !== epoch) return false;',
        'if (current === undefined) return false;',
      ],
    ],
    // The machine hears of the end of an epoch before it applies the next one's barrier, so only a refused proposal (a transfer that
    // comes to nothing) lets an old seal meet a new epoch; and it must be its database's first.
    fallback: ['node/leadership.test.ts', 'the first seal of another database'],
  },
  {
    name: 'epoch-begins-before-everything-is-applied',
    rule: 'N1',
    patches: [
      [
        'node/leadership.ts',
        'if (this.#baseIndex === undefined || index < this.#baseIndex || !idle) return;',
        'if (this.#baseIndex === undefined) return;',
      ],
    ],
  },
  {
    name: 'pages-of-a-lost-leadership-stay',
    rule: 'M2',
    patches: [
      ['machine/cluster-state.ts', '      database.store.revert();\n', ''],
      [
        'machine/cluster-state.ts',
        "assert(!database.store.speculative, 'speculation survives a revert');",
        '',
      ],
    ],
  },
  {
    name: 'connections-stay-after-revert',
    rule: 'M3',
    profiles: ['threads', 'network', 'mixed'],
    patches: [
      [
        'machine/cluster-state.ts',
        'core.engine.closeAll();\n    for (const database of core.databases.values()) {\n      database.forgetConnections();\n',
        'for (const database of core.databases.values()) {\n',
      ],
    ],
    fallback: [
      'machine/leadership.test.ts',
      'closes connections, so that no schema cache outlives it',
    ],
  },
  {
    name: 'writes-leave-before-commitment',
    rule: 'M5',
    patches: [
      [
        'node/seal-book.ts',
        "const PENDING: Verdict = { state: 'pending' };",
        "const PENDING: Verdict = { state: 'published', index: logIndex(0) };",
      ],
    ],
  },
  {
    name: 'gate-ignores-errors',
    rule: 'M5',
    profiles: ['threads', 'network', 'mixed'],
    patches: [
      [
        'node/gate.ts',
        "if (observed.kind === 'published') return { state: 'published', index: observed.index };",
        "if (observed.kind === 'published') return { state: 'published', index: observed.index };\n    if (answer.end?.kind === 'failed') return { state: 'published', index: held0() };",
      ],
      [
        'node/gate.ts',
        'const ANSWER_BYTES = 256;',
        'const ANSWER_BYTES = 256;\nconst held0 = (): LogIndex => 0 as LogIndex;',
      ],
    ],
  },
  {
    name: 'gate-ignores-writes-that-change-nothing',
    rule: 'M5',
    profiles: ['disk', 'threads', 'mixed'],
    patches: [
      [
        'machine/machine-core.ts',
        'if (database.store.hasUnsealed) return this.speculative(database, database.sequence + 1, false);\n    if (database.inFlight.length > 0) return this.speculative(database, database.sequence, false);\n',
        'if (database.deleting) return this.speculative(database, database.sequence, false);\n',
      ],
    ],
  },
  {
    name: 'gate-without-confirmation',
    rule: 'N4',
    profiles: ['threads', 'network', 'mixed'],
    patches: [
      [
        'node/gate.ts',
        'held.confirmed = wrote || this.#committed > held.arrivalIndex;',
        'held.confirmed = wrote || this.#committed >= 0;',
      ],
    ],
  },
  {
    name: 'follower-reads-before-it-has-applied',
    rule: 'LIN',
    patches: [
      [
        'node/running.ts',
        'else this.#whenApplied(index);',
        'else if (index >= 0) this.#toReaderNow();',
      ],
    ],
  },
  {
    name: 'leader-reads-before-it-has-applied',
    rule: 'LIN',
    patches: [
      [
        'node/running.ts',
        'if (early) this.#whenApplied(this.#desk.commit());',
        'if (early) this.#whenApplied(0 as LogIndex);',
      ],
    ],
  },
  {
    name: 'session-reads-any-version',
    rule: 'RYW',
    patches: [
      ['node/running.ts', 'this.#whenApplied(this.request.minimumIndex);', 'this.#toReaderNow();'],
    ],
  },
  {
    name: 'aborted-session-goes-on',
    rule: 'M12',
    patches: [
      [
        'machine/executor.ts',
        'if (session.aborted !== undefined) return this.#whileAborted(job);',
        'if (session.aborted !== undefined) session.aborted = undefined;',
      ],
    ],
    directed: [
      'machine/transactions.test.ts',
      'end an idle transaction; nothing runs until ROLLBACK',
    ],
  },
  {
    name: 'lost-transaction-keeps-the-write-slot',
    rule: 'M12',
    patches: [
      [
        'machine/transaction-keeper.ts',
        "if (home !== undefined && !home.closed && !home.autocommit) home.execute('ROLLBACK');",
        "if (home?.closed === true) home.execute('ROLLBACK');",
      ],
    ],
  },
];
