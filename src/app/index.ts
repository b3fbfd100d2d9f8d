export { parseAddress } from '../net/index.ts';
export { type ConnectOptions, connect } from './connect.ts';
export { importModule } from './import-module.ts';
export { recordText } from './logging.ts';
export {
  type MigrationsFromFolderOptions,
  migrationFiles,
  migrationsFromFolder,
} from './migration-files.ts';
export type {
  LogRecord,
  LogSink,
  NodeEvents,
  NodeOptions,
  QuorateNode,
  StartMode,
} from './options.ts';
export { startNode } from './start-node.ts';
