import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../interop/processes.ts';
import { Program, quorate, startProgram } from './program.ts';

/* Members that come back without what they had acknowledged. */

const root = mkdtempSync(join(tmpdir(), 'quorate-lost-'));

interface MemberRow {
  readonly id: string;
  readonly address: string;
  readonly role: string;
  readonly leader: boolean;
}

interface Started {
  readonly directory: string;
  readonly address: string;
  program: Program;
}

const nodes: Started[] = [];

async function members(at: Started): Promise<MemberRow[]> {
  const { stdout } = await quorate(['cluster', 'list', '-s', at.address, '--json']);
  return JSON.parse(stdout);
}

async function voters(at: Started, count: number): Promise<MemberRow[]> {
  return eventually(`${count} voters`, async () => {
    const rows = await members(at);
    return rows.filter(({ role }) => role === 'voter').length === count &&
      rows.some(({ leader }) => leader)
      ? rows
      : undefined;
  });
}

async function startNode(name: string, extra: readonly string[]): Promise<Started> {
  const directory = join(root, name);
  const { program, address } = await startProgram(directory, extra);
  return { directory, address, program };
}

async function restart(node: Started, extra: readonly string[]): Promise<void> {
  const { program } = await startProgram(node.directory, extra, node.address);
  node.program = program;
}

/** Removes everything that is not named. */
function empty(node: Started, keep: (name: string) => boolean): void {
  for (const name of readdirSync(node.directory)) {
    if (!keep(name)) rmSync(join(node.directory, name));
  }
}

function second(): { node: Started; first: Started } {
  const [first, node] = nodes;
  if (first === undefined || node === undefined) throw new Error('not started');
  return { node, first };
}

async function describeNode(node: Started): Promise<{ quarantined: boolean; role: string }> {
  const { stdout } = await quorate([
    ...['cluster', 'describe', node.address],
    ...['-s', node.address, '--json'],
  ]);
  const [{ state }] = JSON.parse(stdout);
  return state;
}

beforeAll(async () => {
  const first = await startNode('1', []);
  nodes.push(first);
  for (const name of ['2', '3']) nodes.push(await startNode(name, ['--join', first.address]));
  await voters(first, 3);
});

afterAll(async () => {
  await Program.killAll();
  rmSync(root, { recursive: true, force: true });
});

describe('a member that lost its disk', () => {
  test('wiped and started with --join, it comes back under a new id; the old one is removed', async () => {
    const { node, first } = second();
    const before = (await members(first)).find(({ address }) => address === node.address);
    await node.program.stop('SIGKILL');
    empty(node, () => false);
    await restart(node, ['--join', first.address]);
    const rows = await eventually('the new member', async () => {
      const now = await voters(first, 3);
      return now.some(({ id }) => id === before?.id) ? undefined : now;
    });
    expect(rows.map(({ address }) => address).sort()).toEqual(
      nodes.map(({ address }) => address).sort(),
    );
  });

  test('with its identity only, it neither votes nor founds a cluster, whatever is asked', async () => {
    const { node, first } = second();
    await node.program.stop('SIGKILL');
    empty(node, (name) => name === 'info.yaml' || name === 'cluster.yaml');
    const before = await members(first);
    const own = before.find(({ address }) => address === node.address)?.id ?? '';
    for (const extra of [[], ['--start', 'bootstrap'], ['--id', own, '--roles', 'manual']]) {
      await restart(node, extra);
      await node.program.says('this node is quarantined');
      // Longer than an election timeout: it would have stood for election by now.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(await describeNode(node)).toMatchObject({ quarantined: true, role: 'follower' });
      await node.program.stop();
    }
    expect(await members(first)).toEqual(before);
  });

  test('with its identity and --join it comes back under a new id', async () => {
    const { node, first } = second();
    const before = (await members(first)).find(({ address }) => address === node.address);
    await restart(node, ['--join', first.address]);
    const rows = await eventually('the new member', async () => {
      const now = await voters(first, 3);
      return now.some(({ id }) => id === before?.id) ? undefined : now;
    });
    expect(rows).toHaveLength(3);
    expect(await describeNode(node)).toMatchObject({ quarantined: false });
  });

  test('wiped and started under its old id it does not join', async () => {
    const { node, first } = second();
    const before = await members(first);
    const own = before.find(({ address }) => address === node.address)?.id ?? '';
    await node.program.stop('SIGKILL');
    empty(node, () => false);
    await restart(node, ['--join', first.address, '--id', own]);
    await node.program.says('not joining');
    expect((await members(first)).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    await node.program.stop('SIGKILL');
    empty(node, () => false);
    await restart(node, ['--join', first.address]);
    await voters(first, 3);
  });

  test('a spare has no log and starts again as what it was', async () => {
    const { first } = second();
    const spare = await startNode('4', ['--id', '44', '--roles', 'manual']);
    const add = ['cluster', 'add', '44', spare.address, '-s', first.address];
    expect((await quorate(add)).code).toBe(0);
    await spare.program.stop('SIGKILL');
    await restart(spare, ['--id', '44', '--roles', 'manual']);
    expect(await describeNode(spare)).toMatchObject({ quarantined: false });
    await spare.program.stop();
  });
});
