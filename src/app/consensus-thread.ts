import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type LogIndex, must, QuorateError } from '../base/index.ts';
import type { NodeEvent, NodeStatus } from '../node/index.ts';
import type { Level } from './confirmations.ts';
import { Core, type CoreOptions } from './core.ts';
import { FreshnessWord } from './freshness-word.ts';
import { recordingLogger } from './logging.ts';
import type { LogRecord } from './options.ts';
import { PipeConnection } from './pipe.ts';
import { sqliteModule } from './sqlite-module.ts';
import { spawnSqlThreads } from './threads.ts';

/** What the thread is started with. */
export interface CoreThreadData {
  readonly options: CoreOptions;
  /** For the SQL thread, which tells the host on it of slabs and stores. */
  readonly hostDirectory: MessagePort;
  /** Of the `FreshnessWord`. */
  readonly freshness: SharedArrayBuffer;
}

/** host → consensus thread. */
export type ToCore =
  | { readonly kind: 'pipe'; readonly port: MessagePort }
  | { readonly kind: 'status'; readonly request: number }
  | { readonly kind: 'confirm'; readonly request: number; readonly level: Level }
  | { readonly kind: 'close'; readonly handover: boolean };

/** consensus thread → host. */
export type FromCore =
  | { readonly kind: 'started'; readonly id: bigint; readonly address: string }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | { readonly kind: 'event'; readonly event: NodeEvent }
  | { readonly kind: 'log'; readonly record: LogRecord }
  | { readonly kind: 'status'; readonly request: number; readonly status: NodeStatus }
  | { readonly kind: 'confirmed'; readonly request: number; readonly index: LogIndex | undefined }
  | { readonly kind: 'closed' };

/** An error as it crosses threads: structured clone would drop its class and code. */
export interface PlainError {
  readonly code: string | undefined;
  readonly message: string;
}

/** What is left of the node may take so long to stop when one of its threads has died. */
const STOP_MS = 2_000;

const host = must(parentPort, 'not a worker thread');
const post = (message: FromCore): void => host.postMessage(message);

async function run({ options, hostDirectory, freshness }: CoreThreadData): Promise<void> {
  const log = recordingLogger((record) => post({ kind: 'log', record }));
  const fail = (error: Error): void =>
    post({ kind: 'event', event: { kind: 'stopped', reason: error.message } });
  let started: Core | undefined;
  let dead = false;
  // Without its SQL a leader would go on sending heartbeats and answer nobody: it must make way for another one.
  const threadDied = (error: Error): void => {
    if (dead) return;
    dead = true;
    fail(error);
    const exit = (): void => process.exit(1);
    setTimeout(exit, STOP_MS);
    if (started === undefined)
      post({ kind: 'failed', error: { code: undefined, message: error.message } });
    else started.close(false).then(exit, exit);
  };
  let core: Core;
  try {
    core = await Core.start(
      options,
      (limits) =>
        spawnSqlThreads(sqliteModule(), options.readers ?? 2, hostDirectory, limits, threadDied),
      log,
      (event) => {
        // Nobody outside asks for this one, and there is one for each commit.
        if (event.kind !== 'applied') post({ kind: 'event', event });
      },
    );
  } catch (error) {
    const code = error instanceof QuorateError ? error.code : undefined;
    const message = error instanceof Error ? error.message : String(error);
    post({ kind: 'failed', error: { code, message } });
    return;
  }
  started = core;
  core.tellFreshness(new FreshnessWord(freshness));
  host.on('message', (message: ToCore) => {
    if (message.kind === 'pipe') core.accept(new PipeConnection(message.port));
    else if (message.kind === 'confirm') {
      const { request, level } = message;
      core.confirm(level, (index) => post({ kind: 'confirmed', request, index }));
    } else if (message.kind === 'status') {
      post({ kind: 'status', request: message.request, status: core.status() });
    } else {
      core.close(message.handover).then(
        () => post({ kind: 'closed' }),
        (error: Error) => {
          fail(error);
          post({ kind: 'closed' });
        },
      );
    }
  });
  post({ kind: 'started', id: core.id, address: core.address });
}

await run(workerData as CoreThreadData);
