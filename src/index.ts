export {
  type LogRecord,
  type LogSink,
  type NodeEvents,
  type NodeOptions,
  type QuorateNode,
  type StartMode,
  startNode,
} from './app/index.ts';
export * from './client-entry.ts';
