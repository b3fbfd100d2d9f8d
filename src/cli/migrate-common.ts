import { userInfo } from 'node:os';
import process from 'node:process';
import { connect } from '../app/index.ts';
import type { Cluster, Database } from '../client/index.ts';
import { asOperator } from '../migrate/index.ts';
import {
  addressList,
  type CommandInput,
  type OptionConfig,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';

/** How to find the database: options of every command of `quorate migrate` that needs it. */
export const DATABASE_OPTIONS = {
  servers: {
    type: 'string',
    short: 's',
    value: 'HOST:PORT,…',
    help: 'some members of the cluster',
  },
  database: { type: 'string', short: 'd', value: 'NAME', help: 'the database' },
} as const satisfies Readonly<Record<string, OptionConfig>>;

export const NAMESPACE_OPTION = {
  namespace: {
    type: 'string',
    short: 'n',
    value: 'NAME',
    help: 'the line of migrations, by default app',
  },
} as const satisfies Readonly<Record<string, OptionConfig>>;

export const REASON_OPTION = {
  reason: { type: 'string', value: 'TEXT', help: 'why; it is kept with your name' },
} as const satisfies Readonly<Record<string, OptionConfig>>;

export const JSON_OPTION = {
  json: { type: 'boolean', help: 'print JSON' },
} as const satisfies Readonly<Record<string, OptionConfig>>;

/** A database of a cluster with its cluster, as `connect` gives it. */
export type ClusterDatabase = Database & { readonly cluster: Cluster };

/** Opens the database that the options name, and closes it whatever happens. */
export async function withDatabase(
  input: CommandInput,
  run: (database: ClusterDatabase, servers: readonly string[]) => Promise<number>,
): Promise<number> {
  const servers = addressList(requiredOption(input, 'servers'), '--servers');
  const name = requiredOption(input, 'database');
  const database = connect({ servers, database: name, timeoutMs: 10_000 });
  asOperator(database);
  try {
    return await run(database, servers);
  } finally {
    await database.close();
  }
}

/** Throws UsageError when there are more words than a command takes. */
export function atMostWords({ positionals }: CommandInput, count: number): void {
  const extra = positionals[count];
  if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many`);
}

export function namespaceOf(input: CommandInput): string {
  return textOption(input, 'namespace') ?? 'app';
}

/** Who decides, and why: kept in the audit table. */
export function decisionOf(input: CommandInput): { readonly by: string; readonly reason: string } {
  return { by: operatorName(), reason: textOption(input, 'reason') ?? '' };
}

/** A container may run under a user id that has no name. */
function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
