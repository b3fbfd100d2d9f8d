export { SimulatedDisk } from './disk.ts';
export { Violation } from './invariants.ts';
export { type RunOptions, type RunReport, runSeed } from './run.ts';
export {
  Client as WorkloadClient,
  createTables,
  LIES,
  type Lie,
  lying,
  Mix,
  type PlainFate,
  type PlainSession,
} from './workloads/index.ts';
