// A copy of src with a mutant in it, compiled.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutated } from './catalogue.js';

const CONFIGURATION = {
  extends: './tsconfig.json',
  compilerOptions: {
    noEmit: false,
    rootDir: 'src',
    outDir: 'dist',
    noUnusedLocals: false,
    noUnusedParameters: false,
  },
  include: ['src'],
  exclude: ['src/**/*.test.ts', 'src/**/testing/**'],
};

/**
 * Copies the project to `folder`: sources without the tests of whole processes, and what tests need.
 * @param {string} root
 * @param {string} folder
 */
export function copyProject(root, folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of ['src', 'test', 'testdata']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  for (const name of ['package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(join(root, name), join(folder, name));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'tsconfig.mutant.json'), JSON.stringify(CONFIGURATION));
}

/**
 * Puts a mutant into a copy of the project; `undefined` compiles it as it is. Throws when it does not compile.
 * @param {import('./catalogue.js').Mutant | undefined} mutant
 * @param {string} root
 * @param {string} pristine an unchanged copy of the sources
 * @param {string} folder where to build
 */
export function buildMutant(mutant, root, pristine, folder) {
  copyProject(pristine, folder);
  if (mutant !== undefined) {
    for (const [file, text] of mutated(mutant, join(pristine, 'src'))) {
      writeFileSync(join(folder, 'src', file), text);
    }
  }
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  const result = spawnSync(compiler, ['-p', 'tsconfig.mutant.json'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(`does not compile: ${result.stdout}${result.stderr}`);
}
