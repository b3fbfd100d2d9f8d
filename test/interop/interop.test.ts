import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/app/index.ts';
import { buildPeers, interoperabilityRequired, type Peers } from './peers.ts';
import { eventually, freePort, NodeProcess, quorate, runCommand } from './processes.ts';

const root = mkdtempSync(join(tmpdir(), 'quorate-interop-'));
const running: NodeProcess[] = [];
const built = await buildPeers();
const peers: Peers = typeof built === 'string' ? { cNode: '', goDriver: '', shell: '' } : built;

async function start(node: NodeProcess): Promise<NodeProcess> {
  running.push(node);
  await node.start();
  return node;
}

async function startQuorateCluster(
  name: string,
  extra: readonly string[] = [],
): Promise<NodeProcess[]> {
  const nodes: NodeProcess[] = [];
  for (let id = 1; id <= 3; id++) {
    const join_ = id === 1 ? [] : ['--join', nodes[0]?.address ?? ''];
    const directory = join(root, `${name}-${id}`);
    nodes.push(
      await start(NodeProcess.quorate(id, await freePort(), directory, [...join_, ...extra])),
    );
  }
  await eventually('three voters', async () => {
    const members = await listMembers(nodes);
    return members.filter((member) => member.role === 'voter').length === 3 ? true : undefined;
  });
  return nodes;
}

interface ListedMember {
  readonly id: string;
  readonly address: string;
  readonly role: string;
  readonly leader: boolean;
}

async function cluster(nodes: readonly NodeProcess[], ...args: string[]): Promise<string> {
  const servers = nodes.map((node) => node.address).join(',');
  const result = await quorate(['cluster', args[0] ?? '', '-s', servers, ...args.slice(1)]);
  if (result.code !== 0) throw new Error(result.output);
  return result.output;
}

async function listMembers(nodes: readonly NodeProcess[]): Promise<ListedMember[]> {
  return JSON.parse(await cluster(nodes, 'list', '--json'));
}

async function leaderAmong(nodes: readonly NodeProcess[]): Promise<NodeProcess> {
  return eventually('a leader', async () => {
    const leader = (await listMembers(nodes)).find((member) => member.leader);
    return nodes.find((node) => node.address === leader?.address);
  });
}

async function shell(
  nodes: readonly NodeProcess[],
  database: string,
  sql: string,
): Promise<string> {
  const servers = nodes.map((node) => node.address).join(',');
  const result = await quorate(['shell', '-s', servers, '-m', 'csv', database, sql]);
  if (result.code !== 0) throw new Error(result.output);
  return result.output;
}

/** Statements that become one log entry each. */
function inserts(count: number, text: string): string {
  const one = (_: unknown, i: number): string => `INSERT INTO t (v) VALUES ('${text} ${i}');`;
  return Array.from({ length: count }, one).join(' ');
}

function goDriver(nodes: readonly NodeProcess[], test: string, onOutput?: (text: string) => void) {
  return runCommand(
    [peers.goDriver, nodes.map((node) => node.address).join(','), `${test}.db`, test],
    {
      limitMs: 90_000,
      ...(onOutput === undefined ? {} : { onOutput }),
    },
  );
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop('SIGKILL')));
});

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

it('has peers to test against where they are required', () => {
  if (interoperabilityRequired) expect(built).not.toBeTypeOf('string');
});

describe.skipIf(typeof built === 'string')(
  `with C and Go peers (${typeof built === 'string' ? built : 'built'})`,
  () => {
    describe('clients of dqlite on a Quorate cluster', () => {
      let nodes: NodeProcess[] = [];
      beforeAll(async () => {
        nodes = await startQuorateCluster('clients');
        running.length = 0;
      });
      afterAll(async () => {
        await Promise.all(nodes.map((node) => node.stop('SIGKILL')));
      });

      it.each(['types', 'transactions', 'large', 'prepared'])(
        'go-dqlite database/sql: %s',
        async (test) => {
          const result = await goDriver(nodes, test);
          expect(result).toMatchObject({ code: 0, output: expect.stringContaining('ok') });
        },
      );

      it('the dqlite shell of Debian', async () => {
        const servers = nodes.map((node) => node.address).join(',');
        const run = (sql: string) => runCommand([peers.shell, '-s', servers, 'shell.db', sql]);
        expect((await run('CREATE TABLE t (a INTEGER, b TEXT)')).code).toBe(0);
        expect((await run("INSERT INTO t VALUES (7, 'seven')")).code).toBe(0);
        expect((await run('SELECT a, b FROM t')).output).toContain('7|seven');
        expect((await run('.cluster')).output).toContain(nodes[2]?.address);
        expect((await run('.leader')).output).toContain('127.0.0.1:');
        expect((await run('SELECT nonsense')).output).toContain('no such column');
      });

      it('go-dqlite over the death of the leader', async () => {
        const leader = await leaderAmong(nodes);
        let killed: Promise<unknown> | undefined;
        const result = await goDriver(nodes, 'failover', (text) => {
          if (text.includes('kill the leader now')) killed ??= leader.stop('SIGKILL');
        });
        await killed;
        expect(result).toMatchObject({ code: 0, output: expect.stringContaining('ok') });
        expect(killed).toBeDefined();
      });
    });

    it('a C node joins a Quorate cluster, takes a snapshot, leads and gives leadership back', async () => {
      const timing = [
        '--election-timeout',
        '1500',
        '--heartbeat',
        '100',
        '--snapshot-threshold',
        '32',
        '--snapshot-trailing',
        '4',
      ];
      const manual = ['--roles', 'manual', ...timing];
      const first = await start(
        NodeProcess.quorate(1, await freePort(), join(root, 'mixed-1'), manual),
      );
      const second = await start(
        NodeProcess.quorate(2, await freePort(), join(root, 'mixed-2'), manual),
      );
      await eventually('a leader', () => cluster([first], 'add', '2', second.address));
      await cluster([first], 'assign', '2', 'voter');
      await shell([first], 'mixed.db', 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)');
      await shell([first], 'mixed.db', inserts(80, 'row'));
      const c = await start(
        NodeProcess.c(peers.cNode, 3, await freePort(), mkdtempSync(join(root, 'mixed-3-')), 100),
      );
      await cluster([first], 'add', '3', c.address);
      await cluster([first], 'assign', '3', 'voter');
      await cluster([first], 'transfer', '3');
      const everybody = [first, second, c];
      await eventually('the C node to lead', async () =>
        (await leaderAmong(everybody)) === c ? true : undefined,
      );
      expect(await shell(everybody, 'mixed.db', 'SELECT count(*) AS n FROM t')).toContain('80');
      await shell(everybody, 'mixed.db', "INSERT INTO t (v) VALUES ('written under C')");
      await cluster(everybody, 'transfer', '1');
      await eventually('Quorate to lead again', async () =>
        (await leaderAmong(everybody)) === first ? true : undefined,
      );
      await shell(everybody, 'mixed.db', "INSERT INTO t (v) VALUES ('written under Quorate')");
      expect(
        await shell(everybody, 'mixed.db', 'SELECT count(*) AS n, max(id) AS m FROM t'),
      ).toContain('82,82');
    });

    it('our client finds out that a node is an old C node, which answers no Hello', async () => {
      const directory = mkdtempSync(join(root, 'old-'));
      const c = await start(NodeProcess.c(peers.cNode, 1, await freePort(), directory));
      const client = connect({ servers: [c.address], database: 'old.db' });
      try {
        await client.execute('CREATE TABLE t (v TEXT)');
        const written = await client.execute('INSERT INTO t VALUES (?)', ['by our client']);
        // C tells of no index.
        expect(written).toMatchObject({ rowsAffected: 1, index: 0 });
        expect(await client.query('SELECT v FROM t')).toEqual([{ v: 'by our client' }]);
      } finally {
        await client.close();
      }
    });

    it('a directory written by C starts under Quorate and the reverse', async () => {
      const directory = mkdtempSync(join(root, 'handed-over-'));
      const port = await freePort();
      const c = await start(NodeProcess.c(peers.cNode, 1, port, directory));
      await eventually('the C node to serve', () =>
        shell([c], 'handed.db', 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)'),
      );
      await shell([c], 'handed.db', inserts(20, 'c'));
      const rows = await shell([c], 'handed.db', 'SELECT * FROM t');
      await c.stop('SIGKILL');
      cpSync(directory, `${directory}-copy`, { recursive: true });

      const q = await start(NodeProcess.quorate(1, port, directory, ['--roles', 'manual']));
      expect(
        await eventually('Quorate to serve', () => shell([q], 'handed.db', 'SELECT * FROM t')),
      ).toBe(rows);
      await shell([q], 'handed.db', inserts(20, 'q'));
      const more = await shell([q], 'handed.db', 'SELECT * FROM t');
      await q.stop('SIGTERM');

      const again = await start(NodeProcess.c(peers.cNode, 1, port, directory));
      expect(
        await eventually('C to serve', () => shell([again], 'handed.db', 'SELECT * FROM t')),
      ).toBe(more);
    });
  },
);
