export * from './contract.ts';
export { headerPages, headerTextEncoding, pageOneProblem, sizeAfterUpdate } from './page-one.ts';
export { PageStore, type PageStoreOptions } from './page-store.ts';
export { PageStoreBuilder } from './page-store-builder.ts';
export { SharedPageReader } from './shared-page-reader.ts';
export { type ArenaStatistics, SlotArena, type SlotArenaOptions } from './slot-arena.ts';
export { SlotMemory } from './slot-memory.ts';
