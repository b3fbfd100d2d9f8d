// Deliberate bugs in the page store and in snapshots of it.

/** @type {import('./catalogue.js').Mutant[]} */
export const pages = [
  {
    name: 'holes-in-an-entry',
    rule: 'M10',
    patches: [
      [
        'pages/page-table.ts',
        'if ((differs || page > base.pages) && page !== LOCK_BYTE_PAGE) numbers.push(page);',
        'if (differs && page !== LOCK_BYTE_PAGE) numbers.push(page);',
      ],
    ],
    directed: [
      'engine/transactions.test.ts',
      'pages that SQLite never wrote are replicated as zeroes',
    ],
  },
  {
    name: 'entry-without-a-page',
    rule: 'P3',
    patches: [
      [
        'pages/page-table.ts',
        'const differs = (was?.[i] ?? ABSENT) !== (is?.[i] ?? ABSENT);',
        'const differs = (was?.[i] ?? ABSENT) !== (is?.[i] ?? ABSENT) && i % 7 !== 6;',
      ],
    ],
  },
  {
    name: 'bytes-of-an-entry-change-later',
    rule: 'M14',
    patches: [
      [
        'machine/sealer.ts',
        'this.#propose(database, seal, transactions, command);\n  }\n\n  #propose',
        'this.#propose(database, seal, transactions, command);\n    const again = database.store.memory.page(1);\n    if (transactions > 1) command.set(again, command.length - again.length);\n  }\n\n  #propose',
      ],
    ],
  },
  {
    name: 'head-changes-under-a-pin',
    rule: 'M4',
    patches: [
      [
        'pages/page-store.ts',
        'if (this.#head.references > ownPins) this.#live.release(this.#freeze());\n    const set',
        'if (this.#head.references > ownPins + 1) this.#live.release(this.#freeze());\n    const set',
      ],
    ],
  },
  {
    name: 'snapshot-of-uncommitted-pages',
    rule: 'S6',
    profiles: ['threads', 'network', 'mixed'],
    patches: [
      [
        'machine/cuts.ts',
        'if (store.published.pages > 0) parts.push({ name, store, pin: store.pinPublished() });',
        'if (store.published.pages > 0) parts.push({ name, store, pin: store.pinHead() });',
      ],
    ],
  },
];
