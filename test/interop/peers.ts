import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runCommand } from './processes.ts';

const GO_LIBRARIES = '/usr/share/gocode';

/** Programs of the C and Go world, built from Debian's packages. */
export interface Peers {
  readonly cNode: string;
  readonly goDriver: string;
  readonly shell: string;
}

/**
 * Builds the peers, or says why it cannot: without Debian's libdqlite-dev, go-dqlite,
 * golang-github-canonical-go-dqlite-dev, golang-go and gcc there is nothing to test against.
 */
export async function buildPeers(): Promise<Peers | string> {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-peers-'));
  const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const cNode = join(directory, 'c-node');
  const compiled = await runCommand([
    'gcc',
    '-O2',
    '-o',
    cNode,
    source('c-node/main.c'),
    '-ldqlite',
  ]);
  if (compiled.code !== 0) return `no C node: ${compiled.output.trim()}`;
  const go = ['/usr/lib/go/bin/go', '/usr/local/go/bin/go'].find((path) => existsSync(path));
  if (go === undefined || !existsSync(GO_LIBRARIES)) return 'no Go or no go-dqlite sources';
  const goDriver = join(directory, 'go-driver');
  const built = await runCommand([go, 'build', '-o', goDriver, source('go-driver/main.go')], {
    env: {
      GO111MODULE: 'off',
      GOPATH: GO_LIBRARIES,
      GOFLAGS: '',
      GOCACHE: join(directory, 'cache'),
    },
    limitMs: 180_000,
  });
  if (built.code !== 0) return `no Go driver: ${built.output.trim()}`;
  const shell = '/usr/bin/dqlite';
  if (!existsSync(shell)) return 'no dqlite shell (package go-dqlite)';
  return { cNode, goDriver, shell };
}

/** True where a skipped interoperability test is a failure. */
export const interoperabilityRequired = process.env.QUORATE_INTEROP === 'required';
