// Deliberate bugs in what is on disk.

/** @type {import('./catalogue.js').Mutant[]} */
export const log = [
  {
    name: 'reads-a-segment-as-it-was-before-a-truncation',
    rule: 'R10',
    patches: [
      ['log/durable-log.ts', 'this.#entries.forget();\n    await withRoom(', 'await withRoom('],
    ],
    directed: ['log/entry-reader.test.ts', 'are the new ones after others stood in their places'],
  },
  {
    name: 'entries-acknowledged-before-sync',
    rule: 'L1',
    profiles: ['disk', 'mixed'],
    patches: [
      [
        'log/segment-writer.ts',
        'await segment.file.writeDurable(\n      segment.usedBytes,',
        'await segment.file.write(\n      segment.usedBytes,',
      ],
    ],
  },
  {
    name: 'acknowledged-when-handed-to-the-disk',
    rule: 'N6',
    patches: [
      [
        'node/consensus.ts',
        'this.#persisted = durable;\n    durable.then(',
        'this.#persisted = durable;\n    Promise.race([durable, Promise.resolve()]).then(',
      ],
    ],
  },
  {
    name: 'metadata-not-synced',
    rule: 'DBA',
    profiles: ['disk', 'mixed'],
    patches: [
      [
        'log/whole-file.ts',
        'await file.writeDurable(0, [bytes]);',
        'await file.write(0, [bytes]);',
      ],
    ],
  },
  {
    name: 'new-file-without-directory-sync',
    rule: 'DBA',
    profiles: ['disk', 'mixed'],
    patches: [
      [
        'log/whole-file.ts',
        'await disk.rename(TEMPORARY_PREFIX + name, name);\n  await disk.syncDirectory();',
        'await disk.rename(TEMPORARY_PREFIX + name, name);',
      ],
    ],
  },
  {
    name: 'snapshot-not-synced',
    rule: 'L2',
    profiles: ['disk', 'mixed'],
    patches: [
      [
        'log/snapshot-store.ts',
        "await this.#file.sync();\n    this.#state = 'finished';",
        "this.#state = 'finished';",
      ],
    ],
  },
  {
    name: 'floor-not-lowered-before-truncation',
    rule: 'L7',
    profiles: ['disk', 'mixed'],
    patches: [
      [
        'log/durable-log.ts',
        'await this.#floor.lower({ ...end, metadata: this.#metadata.current });\n    await this.#truncate(operation.from);',
        'await this.#truncate(operation.from);\n    if (end.index < 0) await this.#floor.lower({ ...end, metadata: this.#metadata.current });',
      ],
    ],
  },
  {
    name: 'unfinished-writes-stay-undurable',
    rule: 'L9',
    profiles: ['disk', 'mixed'],
    patches: [
      [
        'log/load-directory.ts',
        '.filter(({ sizeBytes }) => sizeBytes > 0);\n  const { segments',
        '.filter(({ sizeBytes }) => sizeBytes > 0 && sizeBytes < 0);\n  const { segments',
      ],
    ],
  },
];
