export { type Adoption, type AdoptOptions, adoptHistory } from './adopt.ts';
export {
  defineMigrations,
  Migrations,
  type MigrationsOptions,
  type SquashedHistory,
} from './define.ts';
export { driftWaits, isDrifted } from './drift.ts';
export { readFolder } from './folder.ts';
export {
  FOLDER_FORMATS,
  type FolderFormat,
  type FolderMigration,
  type FolderOptions,
  type MigrationFiles,
  type MigrationFolder,
} from './folder-types.ts';
export { HISTORY_TOOLS, type HistoryTool } from './foreign-history.ts';
export { allowedNames, type Goal, goalState, hasApplied } from './goal.ts';
export { lintMigrations } from './lint.ts';
export type { LintCode, LintFinding } from './lint-finding.ts';
export {
  holdsModules,
  type ModuleFiles,
  readModules,
  type TransactionHandle,
} from './module-folder.ts';
export { type NodeTask, nodeTask, type TaskContext } from './node-task.ts';
export { openSchema, type SchemaIdentity, type SchemaPlatform } from './open-schema.ts';
export { asOperator, type Decision, operate } from './operate.ts';
export type { Precheck } from './prechecks.ts';
export { type PreflightReport, preflight } from './preflight.ts';
export { type RebuildOptions, rebuildTable } from './rebuild.ts';
export { type MigrationPlan, type PlanOptions, planMigrations } from './rehearse.ts';
export { type SchemaCounts, schemaMetrics } from './schema-metrics.ts';
export {
  type AppliedStatus,
  isOperatorAction,
  type NamespaceStatus,
  type OperatorAction,
  type ParticipantStatus,
  type PendingStatus,
  schemaStatus,
} from './status.ts';
export {
  type BatchStep,
  batchMigration,
  type Check,
  type CodeStep,
  codeMigration,
  type SqlStep,
  type Step,
  type StepHooks,
  type StepOptions,
  type StepOrigin,
  sqlMigration,
} from './steps.ts';
export { type Finding, type FindingKind, type VerifyOptions, verifySchema } from './verify.ts';
export { type Obstacle, type Wait, waitsOf } from './waits.ts';
