import { expect, it } from 'vitest';
import {
  type Configuration,
  type Entry,
  encodeConfiguration,
  logIndex,
  SeededRandom,
  term,
} from '../base/index.ts';
import { type DurableLog, openLog } from '../log/index.ts';
import type { FromMachine, ToMachine } from '../machine/index.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { ProcessClock, Scheduler } from '../sim/scheduler.ts';
import { decodeConfiguration } from '../wire/index.ts';
import { History } from './history.ts';
import { MachineCalls } from './machine-calls.ts';
import { SNAPSHOT_THRESHOLDS, SnapshotTaker } from './snapshot-taker.ts';

const CONFIGURATION: Configuration = {
  members: [{ id: 1n, address: '10.0.0.1:9001', role: 'voter' }],
};
/** An empty state machine: format 1, no databases. */
const CONTENT = Uint8Array.of(1, ...new Uint8Array(15));

function command(fill: number): Entry {
  return { term: term(1), type: 'command', data: new Uint8Array(8).fill(fill) };
}

/** A machine that has applied up to `applied`, beside a log that may not have stored all of it. */
function machineCalls(applied: number): MachineCalls {
  const calls: MachineCalls = new MachineCalls({
    post(message: ToMachine) {
      const answer = answerTo(message);
      if (answer !== undefined) queueMicrotask(() => calls.reply(answer));
    },
    onMessage: () => undefined,
    drain: () => undefined,
    close: () => undefined,
  });
  return calls;

  function answerTo(message: ToMachine) {
    if (message.kind === 'cut') {
      const size = { index: logIndex(applied), bytes: CONTENT.length, pages: 0, missing: false };
      return { kind: 'cut', id: message.id, ...size } as const satisfies FromMachine;
    }
    if (message.kind === 'read-cut') {
      return { kind: 'cut-chunk', id: message.id, bytes: CONTENT, last: true } as const;
    }
    return undefined;
  }
}

/** The log has five entries, the machine has applied eight: the others were committed by the rest of the cluster. */
async function ahead() {
  const { log } = await openLog(new SimulatedDisk({ random: new SeededRandom(1) }).mount());
  await log.bootstrap(CONFIGURATION);
  const history = new History(undefined);
  const data = encodeConfiguration(CONFIGURATION);
  history.note(logIndex(1), { term: term(1), type: 'configuration', data }, decodeConfiguration);
  for (let index = 2; index <= 8; index++) {
    history.note(logIndex(index), command(index), decodeConfiguration);
  }
  await append(log, 2, 5);
  let taken = 0;
  const failures: unknown[] = [];
  const taker = new SnapshotTaker({
    calls: machineCalls(8),
    log,
    clock: new ProcessClock(new Scheduler()),
    history,
    storedIndex: () => logIndex(log.lastIndex),
    thresholds: { ...SNAPSHOT_THRESHOLDS, entries: 1 },
    snapshotIndex: logIndex(0),
    taken: ({ index }) => {
      taken = index;
    },
    failed: (error) => failures.push(error),
  });
  taker.note(8);
  taker.check();
  await turn();
  return { log, taker, failures, taken: () => taken };
}

async function append(log: DurableLog, first: number, last: number): Promise<void> {
  const entries = Array.from({ length: last - first + 1 }, (_, at) => command(first + at));
  await log.persist([{ kind: 'append', first: logIndex(first), entries }]);
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

it('a snapshot waits until the disk has what the machine has, also when entries were removed meanwhile', async () => {
  const { log, taker, failures, taken } = await ahead();
  await log.persist([{ kind: 'truncate', from: logIndex(4) }]);
  await append(log, 4, 7);
  taker.stored();
  await turn();
  expect(taken()).toBe(0);
  await append(log, 8, 8);
  taker.stored();
  await turn();
  await turn();
  expect(failures).toEqual([]);
  expect(taken()).toBe(8);
  expect(log.snapshot?.index).toBe(8);
  await log.close();
});

it('a snapshot that waits for a disk that is full is given up for one of the leader', async () => {
  const { log, taker, failures, taken } = await ahead();
  await taker.cancel();
  expect(taken()).toBe(0);
  expect(failures).toEqual([]);
  expect(log.snapshot).toBeUndefined();
  await log.close();
});
