export { DurableLog, type LogStatistics, type SnapshotWriter } from './durable-log.ts';
export { removeFloor } from './floor-file.ts';
export {
  describeDirectory,
  type FoundLog,
  findLog,
  type LogOptions,
  openLog,
  type Recovered,
  SEGMENT_BYTES,
} from './open-log.ts';
export type { SnapshotContent, SnapshotSink } from './snapshot-reader.ts';
