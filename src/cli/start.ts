import { once } from 'node:events';
import process from 'node:process';
import {
  type LogRecord,
  type NodeOptions,
  type QuorateNode,
  recordText,
  startNode,
} from '../app/index.ts';
import { LIMITS } from '../base/index.ts';
import {
  addressList,
  type Command,
  type CommandInput,
  checkAddress,
  numberOption,
  parseId,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** `quorate start`: one node in the foreground. */
export const startCommand: Command = {
  name: 'start',
  summary: 'run a node in the foreground',
  usage: 'quorate start --dir D --address HOST:PORT [options]',
  description:
    'Runs a node until SIGTERM or SIGINT. Prints one line on standard output when it serves; logs go to\n' +
    'standard error. A directory with data is resumed; an empty one bootstraps a new cluster, or joins with --join.',
  options: {
    dir: { type: 'string', value: 'D', help: 'data directory; created if missing' },
    address: {
      type: 'string',
      value: 'HOST:PORT',
      help: 'address that other nodes and clients use',
    },
    bind: { type: 'string', value: 'HOST:PORT', help: 'address to listen on, if different' },
    start: {
      type: 'string',
      value: 'MODE',
      help: 'auto (default), bootstrap, or wait (to be added by a client; needs --id)',
    },
    id: { type: 'string', value: 'N', help: 'id of a new node; default: random' },
    join: { type: 'string', value: 'HOST:PORT,…', help: 'members of the cluster to join' },
    roles: { type: 'string', value: 'auto|manual', help: 'who assigns roles; default auto' },
    'election-timeout': { type: 'string', value: 'MS', help: 'default 800' },
    heartbeat: { type: 'string', value: 'MS', help: 'default 100' },
    'snapshot-threshold': {
      type: 'string',
      value: 'N',
      help: 'log entries between snapshots; default by size',
    },
    'snapshot-trailing': { type: 'string', value: 'N', help: 'log entries kept behind a snapshot' },
    threads: {
      type: 'string',
      value: 'on|off',
      help: 'default on; off runs everything on one thread',
    },
    readers: { type: 'string', value: 'N', help: 'reader threads; default 2' },
    'dqlite-reads': {
      type: 'string',
      value: 'LEVEL',
      help: 'of clients of the dqlite protocol: linearizable (default) or lease',
    },
    insecure: { type: 'boolean', help: 'permit listening off loopback without encryption' },
    'log-format': { type: 'string', value: 'text|json', help: 'default text' },
    'log-level': { type: 'string', value: 'LEVEL', help: 'debug, info (default), warn or error' },
  },
  examples: [
    'quorate start --dir data/1 --address 127.0.0.1:9001',
    'quorate start --dir data/2 --address 127.0.0.1:9002 --join 127.0.0.1:9001',
  ],
  run: runStart,
};

async function runStart(input: CommandInput): Promise<number> {
  const abort = new AbortController();
  const stopSignal = nextStopSignal(abort);
  const node = await startUntilStopped({
    ...nodeOptions(input),
    signal: abort.signal,
    log: logSink(input),
  });
  if (node === undefined) return 0;
  const failure = new Promise<string>((resolve) => {
    node.on('stopped', ({ reason }) => resolve(reason));
  });
  console.log(`quorate: node ${node.id} serves on ${node.address}`);
  const ended = await Promise.race([stopSignal.then(() => undefined), failure]);
  if (ended !== undefined) {
    console.error(`quorate: the node stopped: ${ended}`);
    return 1;
  }
  return closeNode(node);
}

/** Undefined when a signal came during the start: everything that was opened is closed again. */
async function startUntilStopped(options: NodeOptions): Promise<QuorateNode | undefined> {
  try {
    return await startNode(options);
  } catch (error) {
    if (options.signal?.aborted === true && error === options.signal.reason) return undefined;
    throw error;
  }
}

async function closeNode(node: QuorateNode): Promise<number> {
  const again = once(process, 'SIGINT').then(() => 'again' as const);
  const result = await Promise.race([node.close().then(() => 'closed' as const), again]);
  return result === 'closed' ? 0 : 130;
}

function nextStopSignal(abort: AbortController): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      abort.abort();
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

function nodeOptions(input: CommandInput): NodeOptions {
  if (input.positionals.length > 0) throw new UsageError(`unexpected "${input.positionals[0]}"`);
  const roles = choice(input, 'roles', ['auto', 'manual']) ?? 'auto';
  const idText = textOption(input, 'id');
  const id = idText === undefined ? undefined : parseId(idText, '--id');
  const bind = textOption(input, 'bind');
  const join = textOption(input, 'join');
  const threshold = numberOption(input, 'snapshot-threshold', 1, 2 ** 31);
  const trailing = numberOption(input, 'snapshot-trailing', 0, 2 ** 31);
  return {
    dir: requiredOption(input, 'dir'),
    address: checkAddress(requiredOption(input, 'address'), '--address'),
    bind: bind === undefined ? undefined : checkAddress(bind, '--bind'),
    id,
    start: startMode(input, roles, id),
    join: join === undefined ? undefined : addressList(join, '--join'),
    roles: roles === 'manual' ? 'manual' : {},
    electionTimeoutMs: numberOption(
      input,
      'election-timeout',
      LIMITS.electionTimeoutMinMs,
      3_600_000,
    ),
    heartbeatMs: numberOption(input, 'heartbeat', 5, 3_600_000),
    snapshot: {
      ...(threshold === undefined ? {} : { threshold }),
      ...(trailing === undefined ? {} : { trailing }),
    },
    threads: (choice(input, 'threads', ['on', 'off']) ?? 'on') === 'on',
    readers: numberOption(input, 'readers', 1, 16),
    dqliteReads: choice(input, 'dqlite-reads', ['linearizable', 'lease']),
    insecure: input.values.insecure === true,
  };
}

/** Tooling for C nodes starts id 1 to bootstrap and waits with any other (roles-and-app.md §13). */
function startMode(
  input: CommandInput,
  roles: string,
  id: bigint | undefined,
): 'auto' | 'bootstrap' | 'wait' {
  const mode = choice(input, 'start', ['auto', 'bootstrap', 'wait']);
  if (mode === 'wait' && id === undefined) throw new UsageError('--start wait needs --id');
  if (mode !== undefined) return mode;
  if (roles === 'manual' && id !== undefined) return id === 1n ? 'bootstrap' : 'wait';
  return 'auto';
}

function choice<T extends string>(
  input: CommandInput,
  name: string,
  allowed: readonly T[],
): T | undefined {
  const text = textOption(input, name);
  if (text === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === text);
  if (found === undefined) throw new UsageError(`--${name} must be one of ${allowed.join(', ')}`);
  return found;
}

function logSink(input: CommandInput): (record: LogRecord) => void {
  const json = (choice(input, 'log-format', ['text', 'json']) ?? 'text') === 'json';
  const lowest = LEVELS.indexOf(choice(input, 'log-level', LEVELS) ?? 'info');
  return (record) => {
    if (LEVELS.indexOf(record.level) < lowest) return;
    const time = new Date(record.time).toISOString();
    const line = json
      ? JSON.stringify({ time, level: record.level, message: record.message, ...record.fields })
      : `${time} ${record.level.padEnd(5)} ${recordText(record)}`;
    process.stderr.write(`${line}\n`);
  };
}
