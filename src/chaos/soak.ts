import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { NodeOptions } from '../app/index.ts';
import { assert } from '../base/index.ts';
import { isProcessSample, ownMemory, type ProcessSample } from './process-sample.ts';
import { type Measured, SoakSamples } from './soak-samples.ts';
import { SoakTraffic } from './soak-traffic.ts';

const HELP = `usage: npm run soak -- [--minutes M] [--warm-up M] [--every S] [--pace F] [--csv FILE]

Three node processes under traffic of every kind on data that does not grow. Fails when memory, open files, sockets
or the size of a data directory grow after warm-up, when a node ends, or when the traffic stands still.
  --minutes M   length of the run (default 30)
  --warm-up M   at its beginning, not judged (default half of it: heaps and allocators settle slowly)
  --every S     seconds between samples (default 5)
  --pace F      multiplies the rates of the traffic (default 1)
  --csv FILE    where the samples go (default soak.csv in a new temporary directory)`;
const NODE_PROGRAM = fileURLToPath(new URL('./soak-node.js', import.meta.url));
const NODES = 3;
const ANSWER_LIMIT_MS = 30_000;
/** So many samples without a finished step are a standstill. */
const STILL_SAMPLES = 12;
/** Snapshots often, so that files come and go all the time. */
const SNAPSHOT = { threshold: 512, trailing: 512 };

/** A node process and its directory. */
class SoakNode {
  readonly directory: string;
  readonly #child: ChildProcess;

  constructor(options: NodeOptions) {
    this.directory = options.dir;
    this.#child = spawn(process.execPath, [NODE_PROGRAM, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The next message of the process; throws when it ends or stays silent. */
  async answer(): Promise<unknown> {
    const child = this.#child;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`the process of ${this.directory} ended with ${code}`);
    });
    ended.catch(() => undefined);
    try {
      const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
      return message;
    } finally {
      over.abort();
    }
  }

  async sample(): Promise<ProcessSample> {
    const answer = this.answer();
    this.#child.send('sample');
    const sample = await answer;
    assert(isProcessSample(sample), 'the answer of a node is no sample');
    return sample;
  }

  /** Ends the process in order. Resolves to its exit code. */
  async close(): Promise<number | null> {
    const child = this.#child;
    if (child.exitCode !== null) return child.exitCode;
    const gone = once(child, 'exit');
    child.disconnect();
    await gone;
    return child.exitCode;
  }
}

async function startNodes(root: string): Promise<{ nodes: SoakNode[]; addresses: string[] }> {
  const addresses = (await freePorts(NODES)).map((port) => `127.0.0.1:${port}`);
  const nodes: SoakNode[] = [];
  for (const address of addresses) {
    const dir = join(root, `node-${nodes.length + 1}`);
    const first = addresses.slice(0, nodes.length === 0 ? 0 : 1);
    const common = { dir, address, snapshot: SNAPSHOT };
    const node = new SoakNode(first.length === 0 ? common : { ...common, join: first });
    nodes.push(node);
    assert((await node.answer()) === 'serves', 'a node did not start');
  }
  return { nodes, addresses };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** One row for each process. */
async function measure(nodes: readonly SoakNode[]): Promise<Measured[]> {
  const rows: Measured[] = [];
  for (const [at, node] of nodes.entries()) {
    const sample = await node.sample();
    rows.push({ name: `node-${at + 1}`, pid: node.pid, directory: node.directory, ...sample });
  }
  const nothing = { role: 'client', applied: 0, logBytes: 0, snapshots: 0, directory: undefined };
  rows.push({ name: 'client', pid: process.pid, ...nothing, ...ownMemory() });
  return rows;
}

interface Settings {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly everySeconds: number;
  readonly pace: number;
  readonly csv: string | undefined;
}

function settings(): Settings | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      minutes: text,
      'warm-up': text,
      every: text,
      pace: text,
      csv: text,
      help: { type: 'boolean' },
    },
  });
  const minutes = Number(values.minutes ?? 30);
  const warmUp = Number(values['warm-up'] ?? minutes / 2);
  const everySeconds = Number(values.every ?? 5);
  const pace = Number(values.pace ?? 1);
  const good = minutes > warmUp && warmUp >= 0 && everySeconds > 0 && pace > 0;
  if (values.help === true || !good) return undefined;
  const warmUpSeconds = warmUp * 60;
  return { seconds: minutes * 60, warmUpSeconds, everySeconds, pace, csv: values.csv };
}

async function run(chosen: Settings, root: string, samples: SoakSamples): Promise<void> {
  const { nodes, addresses } = await startNodes(root);
  const traffic = new SoakTraffic(addresses);
  try {
    await traffic.prepare();
    traffic.start(chosen.pace);
    const startedAt = performance.now();
    let still = 0;
    for (let before = 0; performance.now() - startedAt < chosen.seconds * 1000; ) {
      await sleep(chosen.everySeconds * 1000);
      const { steps } = traffic;
      still = steps === before ? still + 1 : 0;
      assert(still < STILL_SAMPLES, () => `no step has finished for ${still} samples`);
      before = steps;
      samples.add((performance.now() - startedAt) / 1000, steps, await measure(nodes));
    }
    await traffic.stop();
  } finally {
    console.log(`traffic: ${JSON.stringify(traffic.report)}`);
    const codes = await Promise.all(nodes.map((node) => node.close()));
    assert(
      codes.every((code) => code === 0),
      () => `the nodes ended with ${codes.join(', ')}`,
    );
  }
}

async function main(): Promise<number> {
  const chosen = settings();
  if (chosen === undefined) {
    console.log(HELP);
    return 2;
  }
  const root = mkdtempSync(join(tmpdir(), 'quorate-soak-'));
  const csv = chosen.csv ?? join(root, 'soak.csv');
  console.log(`soak: ${chosen.seconds / 60} minutes, samples in ${csv}`);
  const samples = new SoakSamples(csv);
  try {
    await run(chosen, root, samples);
  } catch (error) {
    console.error(error);
    return 1;
  } finally {
    for (let number = 1; number <= NODES; number++) {
      rmSync(join(root, `node-${number}`), { recursive: true, force: true });
    }
    if (chosen.csv !== undefined) rmSync(root, { recursive: true, force: true });
  }
  const flat = samples.summary(chosen.warmUpSeconds);
  console.log(flat ? 'soak: all curves are flat' : 'soak: FAILED, a curve is not flat');
  return flat ? 0 : 1;
}

process.exitCode = await main();
