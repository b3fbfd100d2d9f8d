import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { QuorateError } from '../base/index.ts';

/**
 * Runs a module and gives what it exports. What fails is thrown as `refused` makes it of the reason; `built` is what one should name instead of a
 * TypeScript file that this Node.js does not run.
 */
export async function importModule(
  path: string,
  built: string,
  refused: (reason: string, cause: unknown) => QuorateError,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw refused(
        `is TypeScript, which this version of Node.js does not run: build it first and name ${built}, or use Node.js 22.18 or newer`,
        cause,
      );
    }
    const message = cause instanceof Error ? cause.message : String(cause);
    throw refused(`cannot be loaded: ${message}`, cause);
  }
}
