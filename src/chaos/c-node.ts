import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../test/interop/c-node/main.c', import.meta.url));

/** Compiles the node of C dqlite that the interoperability tests use. Throws with the compiler's words when it cannot. */
export function buildCNode(directory: string): string {
  const program = `${directory}/c-node`;
  execFileSync('gcc', ['-O2', '-o', program, SOURCE, '-ldqlite'], { stdio: 'pipe' });
  return program;
}
