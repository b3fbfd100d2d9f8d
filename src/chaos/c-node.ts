import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../test/interop/c-node/main.c', import.meta.url));

/** Compiles the node of C dqlite that the interoperability tests use. Throws when there is no compiler or no library. */
export function buildCNode(directory: string): string {
  const program = `${directory}/c-node`;
  try {
    execFileSync('gcc', ['-O2', '-o', program, SOURCE, '-ldqlite'], { stdio: 'pipe' });
  } catch (cause) {
    throw new Error('no C nodes: they need gcc and libdqlite-dev', { cause });
  }
  return program;
}
