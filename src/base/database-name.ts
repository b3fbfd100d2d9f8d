import { LIMITS } from './limits.ts';

const NEW_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/**
 * Whether a client may create a database of this name. Databases that exist already (applied, restored) keep every name of
 * the format, 1 to 504 bytes; new ones are restricted so that a name can become part of a file name or URL one day.
 */
export function isNewNameAllowed(
  name: string,
  lengthMax: number = LIMITS.databaseNameBytes,
): boolean {
  return name.length <= lengthMax && NEW_NAME.test(name);
}
