export {
  type ConnectOptions,
  connect,
  type MigrationsFromFolderOptions,
  migrationsFromFolder,
} from './app/index.ts';
export { type LogIndex, type Outcome, QuorateError, type Value } from './base/index.ts';
export type * from './client/index.ts';
export {
  type BatchStep,
  batchMigration,
  type Check,
  type CodeStep,
  codeMigration,
  defineMigrations,
  type FolderFormat,
  type FolderOptions,
  type LintFinding,
  lintMigrations,
  type MigrationPlan,
  Migrations,
  type MigrationsOptions,
  type NodeTask,
  nodeTask,
  type PlanOptions,
  type PreflightReport,
  planMigrations,
  preflight,
  type RebuildOptions,
  rebuildTable,
  type SqlStep,
  type SquashedHistory,
  type Step,
  type StepHooks,
  type StepOptions,
  sqlMigration,
  type TaskContext,
} from './migrate/index.ts';
export { sql } from './sql/index.ts';
