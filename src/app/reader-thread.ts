import { threadId, workerData } from 'node:worker_threads';
import { must } from '../base/index.ts';
import {
  type DirectoryMessage,
  type FromReader,
  packAnswer,
  Reader,
  SharedDirectory,
  type ToReader,
  unpackRequest,
} from '../machine/index.ts';
import { SystemRandom, systemClock, ThreadPort } from '../net/index.ts';
import type { SqlThreadData } from './threads.ts';

// A reader thread: queries on what is published, over memory shared with the SQL thread.
const { module, port, limits, directoryPorts } = workerData as SqlThreadData;
const directory = must(directoryPorts[0], 'a reader needs a directory');
new Reader({
  port: new ThreadPort<FromReader, ToReader>(port, { pack: packAnswer, unpack: unpackRequest }),
  module,
  clock: systemClock,
  random: new SystemRandom(),
  directory: new SharedDirectory(new ThreadPort<never, DirectoryMessage>(directory), threadId),
  limits,
});
