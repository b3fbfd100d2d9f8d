export { defineMigrations, Migrations, type MigrationsOptions } from './define.ts';
export { openSchema, type SchemaIdentity } from './open-schema.ts';
export {
  type BatchStep,
  batchMigration,
  type Check,
  type CodeStep,
  codeMigration,
  type SqlStep,
  type Step,
  type StepOptions,
  sqlMigration,
} from './steps.ts';
