import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Limits, Port } from '../base/index.ts';
import type { FromMachine, FromReader, ToMachine, ToReader } from '../machine/index.ts';
import { ThreadPort } from '../net/index.ts';

/** The SQL side of a node, wherever it runs. */
export interface SqlSide {
  readonly machine: Port<ToMachine, FromMachine>;
  readonly readers: readonly Port<ToReader, FromReader>[];
  close(): Promise<void>;
}

/** What a SQL or reader thread is started with. */
export interface SqlThreadData {
  readonly module: WebAssembly.Module;
  readonly port: MessagePort;
  readonly limits: Limits;
  /** To each reader and the host, for slabs and stores (machine) or from the machine (reader). */
  readonly directoryPorts: readonly MessagePort[];
}

/** Starts the SQL thread and the reader threads. `hostDirectory`: told of slabs and stores like a reader. `failed` is called when a thread dies. */
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
  const machine = new ThreadPort<ToMachine, FromMachine>(
    spawn('./sql-thread.js', [...directories.map((channel) => channel.port1), hostDirectory]),
  );
  const readers = directories.map(
    (channel) => new ThreadPort<ToReader, FromReader>(spawn('./reader-thread.js', [channel.port2])),
  );
  return {
    machine,
    readers,
    close: async () => {
      closing = true;
      machine.close();
      for (const reader of readers) reader.close();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
