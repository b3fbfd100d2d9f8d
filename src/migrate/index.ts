export { defineMigrations, Migrations, type MigrationsOptions } from './define.ts';
export type { SchemaEvent } from './events.ts';
export { openSchema, type Schema, type SchemaIdentity, type SchemaOptions } from './open-schema.ts';
export type { NamespaceReport } from './schema-client.ts';
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
