export { SimulatedDisk } from './disk.ts';
export { Violation } from './invariants.ts';
export { type RunOptions, type RunReport, runSeed } from './run.ts';
