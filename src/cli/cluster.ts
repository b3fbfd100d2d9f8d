import { connect } from '../app/index.ts';
import type { NodeId, Role } from '../base/index.ts';
import type { Cluster, NodeStatusReport } from '../client/index.ts';
import { formatTable } from '../sql/index.ts';
import {
  addressList,
  type Command,
  type CommandInput,
  checkAddress,
  parseId,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';

const ACTIONS: Readonly<
  Record<string, (cluster: Cluster, input: CommandInput) => Promise<string>>
> = {
  list,
  add,
  remove,
  assign,
  transfer,
  describe,
};

/** `quorate cluster …`: members, roles and the state of the nodes. */
export const clusterCommand: Command = {
  name: 'cluster',
  summary: 'show and change the members of a cluster',
  usage: 'quorate cluster list|add|remove|assign|transfer|describe -s HOST:PORT,… [arguments]',
  description: [
    'list                  members with their roles and the leader',
    'add ID HOST:PORT      add a member as spare',
    'remove ID|HOST:PORT   remove a member',
    'assign ID|HOST:PORT voter|stand-by|spare',
    'transfer [ID|HOST:PORT]  move leadership, to the best voter by default',
    'describe [HOST:PORT]  role, term, indexes, lag, counters and sizes of one node or all',
  ].join('\n'),
  options: {
    servers: {
      type: 'string',
      short: 's',
      value: 'HOST:PORT,…',
      help: 'some members of the cluster',
    },
    json: { type: 'boolean', help: 'print JSON' },
  },
  examples: [
    'quorate cluster list -s 127.0.0.1:9001',
    'quorate cluster transfer -s 127.0.0.1:9001 2',
  ],
  run: runCluster,
};

async function runCluster(input: CommandInput): Promise<number> {
  const servers = addressList(requiredOption(input, 'servers'), '--servers');
  const [action, ...positionals] = input.positionals;
  const run = action !== undefined && Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (run === undefined) throw new UsageError(`say what to do: ${Object.keys(ACTIONS).join(', ')}`);
  const database = connect({ servers, database: 'main', timeoutMs: 10_000 });
  try {
    console.log(await run(database.cluster, { ...input, positionals }));
    return 0;
  } finally {
    await database.close();
  }
}

async function list(cluster: Cluster, input: CommandInput): Promise<string> {
  const leader = await cluster.leader();
  const members = await cluster.members();
  if (input.values.json === true) {
    return JSON.stringify(
      members.map((m) => ({
        id: String(m.id),
        address: m.address,
        role: m.role,
        leader: m.id === leader?.id,
      })),
      undefined,
      2,
    );
  }
  return formatTable(
    ['id', 'address', 'role', 'leader'],
    members.map((m) => [String(m.id), m.address, m.role, m.id === leader?.id ? 'yes' : '']),
    { mode: 'table' },
  );
}

async function add(cluster: Cluster, input: CommandInput): Promise<string> {
  const [id, address] = input.positionals;
  if (id === undefined || address === undefined)
    throw new UsageError('cluster add needs ID HOST:PORT');
  await cluster.add(parseId(id, 'ID'), checkAddress(address, 'the address'));
  return `added ${id} at ${address} as spare`;
}

async function remove(cluster: Cluster, input: CommandInput): Promise<string> {
  const id = await memberId(cluster, input.positionals[0]);
  await cluster.remove(id);
  return `removed ${id}`;
}

async function assign(cluster: Cluster, input: CommandInput): Promise<string> {
  const id = await memberId(cluster, input.positionals[0]);
  const role = parseRole(input.positionals[1]);
  await cluster.assign(id, role);
  return `${id} is now ${role}`;
}

async function transfer(cluster: Cluster, input: CommandInput): Promise<string> {
  const target = input.positionals[0];
  await cluster.transfer(target === undefined ? undefined : await memberId(cluster, target));
  const leader = await cluster.leader();
  return leader === undefined
    ? 'transferred; no leader is known yet'
    : `the leader is ${leader.id} at ${leader.address}`;
}

async function describe(cluster: Cluster, input: CommandInput): Promise<string> {
  const only = input.positionals[0] ?? textOption(input, 'address');
  const addresses = only === undefined ? (await cluster.members()).map((m) => m.address) : [only];
  const states = await Promise.all(addresses.map((address) => describeOne(cluster, address)));
  if (input.values.json === true) return JSON.stringify(states, plainNumber, 2);
  return states
    .map(({ address, state, error }) =>
      error === undefined
        ? formatTable(['property', address], flatten(state), { mode: 'table' })
        : `${address}: ${error}`,
    )
    .join('\n');
}

async function describeOne(
  cluster: Cluster,
  address: string,
): Promise<{ address: string; state?: NodeStatusReport; error?: string }> {
  try {
    return { address, state: await cluster.status(address) };
  } catch (error) {
    return { address, error: error instanceof Error ? error.message : String(error) };
  }
}

/** JSON has no large integers: ids above 2^53 are text, as on the wire. */
function plainNumber(_name: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}

/** Nested properties as rows "a.b → value"; lists of objects as one row each. */
function flatten(value: unknown, prefix = ''): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[prefix, String(value ?? '')]];
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== 'object')) return [[prefix, value.join(', ')]];
    return value.map((item, index) => [
      `${prefix}[${index}]`,
      flatten(item)
        .map(([name, text]) => `${name} ${text}`)
        .join(', '),
    ]);
  }
  return Object.entries(value).flatMap(([name, item]) =>
    flatten(item, prefix === '' ? name : `${prefix}.${name}`),
  );
}

async function memberId(cluster: Cluster, text: string | undefined): Promise<NodeId> {
  if (text === undefined) throw new UsageError('name the member by id or address');
  if (!text.includes(':')) return parseId(text, 'the id');
  const member = (await cluster.members()).find((candidate) => candidate.address === text);
  if (member === undefined) throw new UsageError(`no member has the address ${text}`);
  return member.id;
}

function parseRole(text: string | undefined): Role {
  if (text === 'voter' || text === 'stand-by' || text === 'spare') return text;
  throw new UsageError('the role must be voter, stand-by or spare');
}
