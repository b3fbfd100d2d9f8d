// Deliberate bugs in schema migrations: the fence, the barrier, the history and the backfill.

const profiles = ['migrations'];

/** Ends the transaction, sends it to the log, and goes on in another one. */
const APART =
  "connection.execute('COMMIT'); this.#sealer.sealAll(); connection.execute('BEGIN IMMEDIATE');";

/** @type {import('./catalogue.js').Mutant[]} */
export const schema = [
  {
    name: 'fence-checked-at-open-only',
    rule: 'MI1',
    profiles,
    patches: [
      [
        'machine/fence.ts',
        '  #cookie = -1;\n',
        '  #cookie = -1;\n  readonly #admitted = new Set<string>();\n',
      ],
      [
        'machine/fence.ts',
        '    let verdict = this.#verdicts.get(declaration);',
        '    if (this.#admitted.has(declaration)) return undefined;\n    let verdict = this.#verdicts.get(declaration);',
      ],
      [
        'machine/fence.ts',
        '    return writes ? verdict.write : verdict.read;',
        '    if (declaration.length > 30 && verdict.write === undefined) this.#admitted.add(declaration);\n    return writes ? verdict.write : verdict.read;',
      ],
    ],
  },
  {
    name: 'barrier-in-a-separate-transaction',
    rule: 'MI4',
    profiles,
    patches: [
      [
        'machine/schema-desk.ts',
        '  #since = 0;\n',
        '  #since = 0;\n  readonly #passed = new Set<string>();\n',
      ],
      [
        'machine/schema-desk.ts',
        `    const applied = this.#attempt(job, database, connection, request, checksum);
    if (applied !== undefined) return applied;
`,
        `    const key = \`\${request.manifest} \${request.name}\`;
    if (!this.#passed.has(key)) {
      const applied = this.#attempt(job, database, connection, request, checksum);
      if (applied !== undefined) return applied;
      this.#passed.add(key);
      throw new QuorateError('MIGRATION_BLOCKED', 'the barrier is open: once more');
    }
`,
      ],
      [
        'machine/schema-desk.ts',
        'readiness(store, program, entry, this.#presence(), recorded, most)',
        `readiness(store, program, entry, noted ? {
      ...this.#presence(),
      members: new Set<string>(),
      heard: () => false,
    } : this.#presence(), recorded, most)`,
      ],
    ],
  },
  {
    name: 'no-chain-check',
    rule: 'MI1',
    profiles,
    patches: [
      [
        'schema/rules.ts',
        'chain !== undefined && program.chain(common) !== chain',
        'chain !== undefined && program.chain(common) === undefined',
      ],
    ],
  },
  {
    name: 'history-outside-the-transaction',
    rule: 'MI6',
    profiles,
    patches: [
      [
        'machine/schema-desk.ts',
        '        transaction.run(script);\n',
        `        transaction.run(script);\n        ${APART}\n`,
      ],
    ],
  },
  {
    name: 'cursor-outside-the-batch',
    rule: 'MI11',
    profiles,
    patches: [
      [
        'machine/schema-batch.ts',
        '  mayLoseRows: readonly string[],\n): BatchReport {',
        '  mayLoseRows: readonly string[],\n  between: () => void,\n): BatchReport {',
      ],
      [
        'machine/schema-batch.ts',
        '    store.putProgress(name, { after: upto,',
        '    between();\n    store.putProgress(name, { after: upto,',
      ],
      [
        'machine/schema-desk.ts',
        'runBackfill(store, entry.name, batch, options.mayLoseRows);',
        `runBackfill(store, entry.name, batch, options.mayLoseRows, () => { ${APART} });`,
      ],
    ],
  },
];
