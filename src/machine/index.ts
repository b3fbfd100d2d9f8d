export { Machine, type MachineOptions } from './machine.ts';
export * from './messages.ts';
export { packAnswer, packRequest, unpackAnswer, unpackRequest } from './packing.ts';
export { ReadFence } from './read-fence.ts';
export { Reader, type ReaderOptions } from './reader.ts';
export { type Lease, ReaderPool } from './reader-pool.ts';
export { SharedDirectory } from './shared-directory.ts';
export type { DirectoryMessage, ReadableStore, ReaderDirectory } from './store-directory.ts';
