import type { Limits } from '../base/index.ts';
import {
  type FromMachine,
  type FromReader,
  Machine,
  Reader,
  type ReaderDirectory,
  type ToMachine,
  type ToReader,
} from '../machine/index.ts';
import { localPorts, SystemRandom, systemClock } from '../net/index.ts';
import type { SqlSide } from './threads.ts';

/**
 * Machine and one reader on the caller's thread (`threads: false`). `statementMs`: a statement that takes longer fails, since
 * nothing else happens on the thread meanwhile; half an election timeout keeps the leader a leader (M8).
 */
export function inlineSqlSide(
  module: WebAssembly.Module,
  limits: Limits,
  statementMs: number,
): SqlSide & { readonly directory: ReaderDirectory } {
  const [machinePort, machineEnd] = localPorts<ToMachine, FromMachine>();
  const [readerPort, readerEnd] = localPorts<ToReader, FromReader>();
  const shared = { module, clock: systemClock, random: new SystemRandom(), limits, statementMs };
  const machine = new Machine({ ...shared, port: machineEnd });
  const reader = new Reader({ ...shared, port: readerEnd, directory: machine.directory });
  return {
    machine: machinePort,
    readers: [readerPort],
    directory: machine.directory,
    close: () => {
      machinePort.close();
      readerPort.close();
      reader.close();
      machine.close();
      return Promise.resolve();
    },
  };
}
