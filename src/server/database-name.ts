import { isNewNameAllowed, utf8 } from '../base/index.ts';

const NAME_BYTES_MAX = 504;

/**
 * Why a database of this name cannot be opened; undefined when it can. New names are restricted to what is
 * also a safe file name everywhere; an existing database keeps the name that the format allowed it.
 */
export function refuseName(
  name: string,
  lengthMax: number,
  exists: () => boolean,
): string | undefined {
  if (name === '') return 'a database needs a name';
  if (isNewNameAllowed(name, lengthMax)) return undefined;
  if (utf8(name).length <= NAME_BYTES_MAX && exists()) return undefined;
  return `a database name has 1 to ${lengthMax} letters, digits, ".", "_" or "-" and does not begin with "."`;
}
