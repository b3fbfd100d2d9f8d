import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { Program } from './program.ts';

/* The stories in examples/, with shorter pauses: they end with 1 when a request fails or the story takes another way. */

const FOLDER = fileURLToPath(new URL('../../examples/rolling-upgrade', import.meta.url));
const LIMIT_MS = 110_000;

afterAll(() => Program.killAll());

function story(name: string) {
  const program = new Program([process.execPath, `${FOLDER}/${name}`, '--short']);
  return program.finish(LIMIT_MS);
}

it('three copies go from release 1 to 3 under load, and no request fails', async () => {
  const { code, stdout } = await story('run.mjs');
  expect(stdout).toMatch(/all copies are v3, and nothing is left to apply\n/);
  expect(stdout).toMatch(/\n[1-9]\d* requests, 0 failed/);
  expect(code).toBe(0);
}, 120_000);

it('a copy that is lost is named, excluded, refused with its old code and let in with the new', async () => {
  const { code, stdout } = await story('absent-node.mjs');
  expect(stdout).toMatch(/c1 \(v2\): blocked 0005_drop_full_name/);
  expect(stdout).toMatch(/\$ quorate migrate exclude \d+/);
  expect(stdout).toMatch(
    /c3 \(v1\): turned away[\s\S]*SCHEMA_TOO_NEW[\s\S]*with v2 it serves again/,
  );
  expect(stdout).toMatch(/\n[1-9]\d* requests, 0 failed/);
  expect(code).toBe(0);
}, 120_000);
