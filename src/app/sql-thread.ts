import { workerData } from 'node:worker_threads';
import {
  type DirectoryMessage,
  type FromMachine,
  Machine,
  packAnswer,
  type ToMachine,
  unpackRequest,
} from '../machine/index.ts';
import { SystemRandom, systemClock, ThreadPort } from '../net/index.ts';
import type { SqlThreadData } from './threads.ts';

// The SQL thread: the sole mutator of the page stores.
const { module, port, limits, directoryPorts } = workerData as SqlThreadData;
new Machine({
  port: new ThreadPort<FromMachine, ToMachine>(port, { pack: packAnswer, unpack: unpackRequest }),
  readers: directoryPorts.map((reader) => new ThreadPort<DirectoryMessage, never>(reader)),
  module,
  clock: systemClock,
  random: new SystemRandom(),
  limits,
});
