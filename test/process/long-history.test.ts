import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrationsFromFolder, type QuorateNode } from '../../dist/index.js';
import { startThreeNodes } from './three-nodes.ts';

/* The long history of src/migrate/long-history.test.ts on three real nodes: in one go, and with a stop in the middle. */

const DIRECTORY = fileURLToPath(new URL('../history/migrations', import.meta.url));
const MIDDLE = '0041_nodes_state';
const root = mkdtempSync(join(tmpdir(), 'quorate-history-'));
const nodes: QuorateNode[] = [];

beforeAll(async () => {
  nodes.push(...(await startThreeNodes(root)));
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close({ handover: false })));
  rmSync(root, { recursive: true, force: true });
});

it('three nodes: a stop in the middle of the history and another node for the rest make no difference', async () => {
  const migrations = await migrationsFromFolder(DIRECTORY);
  const [first, second] = nodes;
  if (first === undefined || second === undefined) throw new Error('no nodes');
  const early = first.database('hop', { schema: { migrations, mode: 'wait' } });
  await early.schema?.up({ to: MIDDLE });
  const [middle] = (await early.schema?.status()) ?? [];
  expect(middle).toMatchObject({ version: 41 });
  await early.close();
  const hop = second.database('hop', { schema: { migrations } });
  const whole = first.database('whole', { schema: { migrations } });
  await Promise.all([hop.schema?.up(), whole.schema?.up()]);
  const state = 'select version, chain, fingerprint from __quorate_schema_state';
  const [found] = await hop.query(state);
  expect(found).toMatchObject({ version: migrations.program.max });
  expect(await whole.query(state)).toEqual([found]);
  const rows = 'select * from projects_usage';
  expect(await hop.query(rows)).toEqual(await whole.query(rows));
  const findings = (await hop.schema?.verify()) ?? [];
  expect(findings.filter(({ ok }) => !ok)).toEqual([]);
});
