export { type ConnectOptions, connect } from './app/index.ts';
export { type LogIndex, type Outcome, QuorateError, type Value } from './base/index.ts';
export type * from './client/index.ts';
export { sql } from './sql/index.ts';
