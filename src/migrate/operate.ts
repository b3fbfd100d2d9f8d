import { type CallOptions, type Database, schemaAccess } from '../client/index.ts';
import { OPERATOR } from '../schema/index.ts';
import { SchemaClient } from './schema-client.ts';
import { checkValue, type OperatorAction } from './status.ts';

/**
 * Says that the sessions of a database are those of an operator's tool: they may read whatever the policy on undeclared sessions says, so that it
 * can be seen what is going on. For programs that serve no code of the database's application.
 */
export function asOperator(database: Database): void {
  schemaAccess(database).declare(OPERATOR);
}

/** An operator's decision about migrations; it is kept with who and why. */
export interface Decision {
  readonly action: OperatorAction;
  readonly namespace: string;
  /** A participant, a migration or a policy, as the action needs it. */
  readonly value: string;
  readonly by: string;
  readonly reason: string;
}

/**
 * Carries out what an operator decides. Works while nobody can serve. Throws QuorateError: INVALID_ARGUMENT, PARTICIPANT_NOT_FOUND,
 * SCHEMA_BAD_REQUEST.
 */
export async function operate(
  database: Database,
  { action, namespace, value, by, reason }: Decision,
  options?: CallOptions,
): Promise<void> {
  checkValue(action, value);
  const client = new SchemaClient(schemaAccess(database));
  await client.control(namespace, action, value, by, reason, options);
}
