export {
  type Client,
  type ClientOptions,
  type ConnectDatabaseOptions,
  connectDatabase,
  createClient,
  type OpenSchema,
} from './client.ts';
export type { LocalServer } from './link-pool.ts';
export type { LocalPages, LocalQuery, LocalResult, LocalView } from './local-reader.ts';
export type { NearbyNode } from './nearby-reads.ts';
export { type OpenMigration, type SchemaAccess, schemaAccess } from './schema-access.ts';
export type * from './types.ts';
