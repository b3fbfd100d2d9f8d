import { logIndex, term } from '../../base/index.ts';
import { type LogDriver, together } from './log-driver.ts';

/** Work of a log of which every disk call is made to fail. */
export interface Scenario {
  readonly name: string;
  /** What the directory holds before; nothing fails here. */
  readonly prepare?: (driver: LogDriver) => Promise<void>;
  readonly run: (driver: LogDriver) => Promise<void>;
}

/** Three closed segments and an open one, terms 1 and 2. */
async function filled(driver: LogDriver): Promise<void> {
  await driver.bootstrap();
  await driver.persist([1200], [1200], [1200]);
  await driver.metadata(2, 3n);
  await driver.persist([800, 800], [1600], [16]);
  await driver.persist([2000], [24, 24, 24]);
}

async function filledTwice(driver: LogDriver): Promise<void> {
  await filled(driver);
  await driver.persist([2000], [2000], [2000]);
  await driver.snapshot(driver.lastIndex - 2, 4);
  await driver.persist([3000], [8]);
}

/** All kinds of work, one after another. */
async function everything(driver: LogDriver): Promise<void> {
  if (driver.lastIndex === 0) await driver.bootstrap();
  await driver.metadata(2);
  await driver.metadata(2, 3n);
  await driver.persist([8], [800, 16]);
  await together(
    driver.persist([1200]),
    driver.persist([8, 8], [24]),
    driver.persist([2000]),
    driver.persist([1504]),
  );
  await driver.truncate(driver.lastIndex - 1);
  await driver.persist({ kind: 'metadata', term: term(3), vote: 0n }, [600, 600], [9000], [64]);
  await driver.snapshot(driver.lastIndex - 3, 4);
  await driver.persist([3000]);
  await driver.persist({ kind: 'truncate', from: logIndex(driver.lastIndex) }, [16]);
  await driver.snapshot(driver.lastIndex, 0);
  await driver.persist([100 * 8], [3000]);
  await driver.install({ ...driver.info(1), index: logIndex(driver.lastIndex + 5), term: term(3) });
  await driver.persist({ kind: 'metadata', term: term(4), vote: 1n }, [8]);
  await driver.snapshot(driver.lastIndex, 100);
  await driver.close();
}

export const EVERYTHING: Scenario = { name: 'everything in turn', run: everything };

const APPENDS: readonly Scenario[] = [
  { name: 'first start and bootstrap', run: (driver) => driver.bootstrap() },
  {
    name: 'append small entries',
    prepare: (driver) => driver.bootstrap(),
    run: async (driver) => {
      await driver.persist([8]);
      await driver.persist([8, 16], [24]);
    },
  },
  {
    name: 'append across blocks',
    prepare: (driver) => driver.bootstrap(),
    run: async (driver) => {
      await driver.persist([440]);
      await driver.persist([800], [1504]);
    },
  },
  {
    name: 'append longer than a segment',
    prepare: filled,
    run: async (driver) => {
      await driver.persist([9000]);
      await driver.persist([64]);
    },
  },
  {
    name: 'appends that share a write',
    prepare: filled,
    run: async (driver) => {
      await together(driver.persist([8]), driver.persist([600, 8]), driver.persist([1000]));
    },
  },
  {
    name: 'segment change',
    prepare: (driver) => driver.bootstrap(),
    run: async (driver) => {
      for (let count = 0; count < 4; count++) await driver.persist([1896], [1200]);
    },
  },
  {
    name: 'term and vote',
    prepare: filled,
    run: async (driver) => {
      await driver.metadata(3);
      await driver.metadata(3, 2n);
      await driver.metadata(5, 1n);
    },
  },
  {
    name: 'the first term and vote of a new member',
    run: async (driver) => {
      await driver.metadata(7);
      await driver.metadata(7, 2n);
      await driver.persist([40]);
    },
  },
  {
    name: 'configuration by hand',
    prepare: filled,
    run: (driver) => driver.overrideConfiguration(),
  },
  {
    name: 'close',
    prepare: filled,
    run: async (driver) => {
      await driver.persist([8]);
      await driver.close();
    },
  },
];

const TRUNCATIONS: readonly Scenario[] = [
  {
    name: 'truncate from the start of a segment',
    prepare: filled,
    run: async (driver) => {
      await driver.truncate(5);
      await driver.persist([48]);
    },
  },
  {
    name: 'truncate inside a segment',
    prepare: filled,
    run: async (driver) => {
      await driver.truncate(3);
      await driver.persist([48]);
    },
  },
  {
    name: 'truncate inside the open segment',
    prepare: filled,
    run: async (driver) => {
      await driver.persist([8], [16], [24]);
      await driver.truncate(driver.lastIndex - 1);
      await driver.persist([48]);
    },
  },
  {
    name: 'truncate everything',
    prepare: filled,
    run: async (driver) => {
      await driver.truncate(1);
      await driver.persist([48]);
    },
  },
  {
    name: 'truncate and append in a new term',
    prepare: filled,
    run: (driver) =>
      driver.persist(
        { kind: 'metadata', term: term(4), vote: 0n },
        { kind: 'truncate', from: logIndex(6) },
        [48, 48],
      ),
  },
];

const SNAPSHOTS: readonly Scenario[] = [
  {
    name: 'take a snapshot, keep a tail',
    prepare: filled,
    run: async (driver) => {
      await driver.snapshot(driver.lastIndex - 1, 3);
      await driver.persist([8]);
    },
  },
  {
    name: 'take a third snapshot, keep nothing',
    prepare: filledTwice,
    run: async (driver) => {
      await driver.snapshot(driver.lastIndex - 1, 2);
      await driver.persist([8]);
      await driver.snapshot(driver.lastIndex, 0);
    },
  },
  {
    name: 'append while a snapshot is taken',
    prepare: filled,
    run: async (driver) => {
      const index = driver.lastIndex;
      await together(driver.snapshot(index, 2), driver.persist([1800]), driver.persist([8]));
    },
  },
  {
    name: 'install over a shorter log',
    prepare: filled,
    run: async (driver) => {
      await driver.install({ ...driver.info(1), index: logIndex(40), term: term(2) });
      await driver.persist([8]);
    },
  },
  {
    name: 'install over a longer log of another term',
    prepare: filledTwice,
    run: async (driver) => {
      await driver.metadata(6);
      const index = logIndex(driver.lastIndex - 1);
      await driver.install({ ...driver.info(1), index, term: term(5) });
      await driver.persist([8]);
    },
  },
  {
    name: 'install on an empty directory',
    run: async (driver) => {
      await driver.metadata(2);
      await driver.install({ ...driver.info(1), index: logIndex(9), term: term(2) });
      await driver.persist([8]);
    },
  },
];

const FULL_DISKS: readonly Scenario[] = [
  {
    name: 'give up what the newest snapshot replaces, behind an open segment',
    prepare: filledTwice,
    run: async (driver) => {
      await driver.snapshot(driver.lastIndex, 100);
      await driver.persist([8]);
      await driver.log.makeRoom();
      await driver.persist([16]);
    },
  },
  {
    name: 'take a snapshot on a full disk',
    prepare: filledTwice,
    run: async (driver) => {
      await driver.snapshot(driver.lastIndex, 100);
      await driver.persist([8]);
      await driver.onFullDisk(0, () => driver.snapshot(driver.lastIndex, 100));
      await driver.persist([16]);
    },
  },
  {
    name: 'truncate on a full disk',
    prepare: filledTwice,
    run: async (driver) => {
      await driver.snapshot(driver.lastIndex, 100);
      await driver.persist([3000], [8, 8]);
      await driver.onFullDisk(0, () => driver.truncate(driver.lastIndex));
      await driver.persist([16]);
    },
  },
];

export const SCENARIOS: readonly Scenario[] = [
  ...APPENDS,
  ...TRUNCATIONS,
  ...SNAPSHOTS,
  ...FULL_DISKS,
  EVERYTHING,
];
