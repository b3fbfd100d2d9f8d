import { MessageChannel, type MessagePort, threadId, Worker } from 'node:worker_threads';
import type { Limits, Port } from '../base/index.ts';
import {
  type DirectoryMessage,
  type FromMachine,
  type FromReader,
  packRequest,
  Reader,
  SharedDirectory,
  type ToMachine,
  type ToReader,
  unpackAnswer,
} from '../machine/index.ts';
import { localPorts, SystemRandom, systemClock, ThreadPort } from '../net/index.ts';

/** The SQL side of a node, wherever it runs. */
export interface SqlSide {
  readonly machine: Port<ToMachine, FromMachine>;
  readonly readers: readonly Port<ToReader, FromReader>[];
  /** On the consensus thread, where that is not the one of the readers. */
  readonly briefReader?: Port<ToReader, FromReader>;
  close(): Promise<void>;
}

/** What a SQL or reader thread is started with. */
export interface SqlThreadData {
  readonly module: WebAssembly.Module;
  readonly port: MessagePort;
  readonly limits: Limits;
  /** To each reader, the consensus thread and the host, for slabs and stores (machine) or from the machine (reader). */
  readonly directoryPorts: readonly MessagePort[];
}

/** Starts the SQL thread and the reader threads, and a brief reader on the caller's. `hostDirectory`: told of slabs and stores like a reader. `failed` is called when a thread dies. */
export function spawnSqlThreads(
  module: WebAssembly.Module,
  readerCount: number,
  hostDirectory: MessagePort,
  limits: Limits,
  failed: (error: Error) => void,
): SqlSide {
  const workers: Worker[] = [];
  let closing = false;
  const spawn = (file: string, directoryPorts: MessagePort[]): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    const data: SqlThreadData = { module, port: port2, limits, directoryPorts };
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: data,
      transferList: [port2, ...directoryPorts],
    });
    worker.on('error', failed);
    worker.on('exit', (code) => {
      if (!closing) failed(new Error(`${file} ended with code ${code}`));
    });
    workers.push(worker);
    return port1;
  };
  const directories = Array.from({ length: readerCount }, () => new MessageChannel());
  const ownDirectory = new MessageChannel();
  const packing = { pack: packRequest, unpack: unpackAnswer };
  const machine = new ThreadPort<ToMachine, FromMachine>(
    spawn('./sql-thread.js', [
      ...directories.map((channel) => channel.port1),
      ownDirectory.port1,
      hostDirectory,
    ]),
    packing,
  );
  const readers = directories.map(
    (channel) =>
      new ThreadPort<ToReader, FromReader>(spawn('./reader-thread.js', [channel.port2]), packing),
  );
  const [briefReader, briefEnd] = localPorts<ToReader, FromReader>();
  const ownMessages = new ThreadPort<never, DirectoryMessage>(ownDirectory.port2);
  const brief = new Reader({
    port: briefEnd,
    module,
    clock: systemClock,
    random: new SystemRandom(),
    directory: new SharedDirectory(ownMessages, threadId),
    limits,
    brief: true,
  });
  return {
    machine,
    readers,
    briefReader,
    close: async () => {
      closing = true;
      briefReader.close();
      brief.close();
      ownMessages.close();
      machine.close();
      for (const reader of readers) reader.close();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
