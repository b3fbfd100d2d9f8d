export { type ConnectOptions, connect } from './app/index.ts';
export { type LogIndex, type Outcome, QuorateError, type Value } from './base/index.ts';
export type * from './client/index.ts';
export {
  type BatchStep,
  batchMigration,
  type Check,
  type CodeStep,
  codeMigration,
  defineMigrations,
  Migrations,
  type MigrationsOptions,
  type SqlStep,
  type Step,
  type StepOptions,
  sqlMigration,
} from './migrate/index.ts';
export { sql } from './sql/index.ts';
