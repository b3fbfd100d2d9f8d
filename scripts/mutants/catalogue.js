// The deliberate bugs that the simulator must find.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { log } from './log.js';
import { node } from './node.js';
import { pages } from './pages.js';
import { raft } from './raft.js';
import { schema } from './schema.js';

/**
 * @typedef {object} Mutant
 * @property {string} name
 * @property {string} rule what it breaks, as in docs/invariants.md
 * @property {[file: string, find: string, replacement: string][]} patches files relative to src/
 * @property {readonly string[]} [profiles] the profiles of the simulator that its seeds take in turn; default: PROFILES
 * @property {[file: string, test: string]} [directed] a directed test that must fail, for what no random seed reaches
 * @property {[file: string, test: string]} [fallback] a directed test that must fail when no seed does, for what is rare
 */

/** For mutants that do not say where they are most likely to show. */
export const PROFILES = ['mixed', 'network', 'disk', 'threads'];

/** @type {readonly Mutant[]} */
export const MUTANTS = [...raft, ...log, ...node, ...pages, ...schema];

/**
 * The text of each file that the mutant changes, changed. Throws unless every patch finds its text exactly once.
 * @param {Mutant} mutant
 * @param {string} source the folder src
 * @returns {Map<string, string>}
 */
export function mutated(mutant, source) {
  const texts = new Map();
  for (const [file, find, replacement] of mutant.patches) {
    const text = texts.get(file) ?? readFileSync(join(source, file), 'utf8');
    const count = text.split(find).length - 1;
    if (count !== 1) throw new Error(`${mutant.name}: its text occurs ${count} times in ${file}`);
    texts.set(
      file,
      text.replace(find, () => replacement),
    );
  }
  return texts;
}
