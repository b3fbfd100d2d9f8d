import { userInfo } from 'node:os';
import { connect } from '../app/index.ts';
import { printable } from '../base/index.ts';
import type { Database } from '../client/index.ts';
import { isOperatorAction, type NamespaceStatus, operate, schemaStatus } from '../migrate/index.ts';
import { formatTable } from '../sql/index.ts';
import {
  addressList,
  type Command,
  type CommandInput,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';

/** `quorate migrate …`: the state of schema migrations, and what operators decide about them. */
export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'show schema migrations, and decide about those that wait',
  usage: 'quorate migrate ACTION [VALUE] -s HOST:PORT,… -d DATABASE [options]',
  description: [
    'status                   what is applied, what comes next, who takes part, who blocks what',
    'hold                     let no migration begin',
    'release                  end the hold',
    'exclude PARTICIPANT      wait for it no longer; if its code comes back, it is fenced',
    'include PARTICIPANT      wait for it again',
    'finalize [MIGRATION]     let this one, or all, break older code, when the policy is manual',
    'finalize-policy auto|manual   whether contract and breaking migrations wait for finalize',
    'undeclared-policy allow|read-only|refuse   what sessions may do that declare nothing',
    'repair MIGRATION         let one be tried again that failed three times',
    'accept-drift             accept a schema that was changed past the migrations',
    'override MIGRATION       let one break older code although a voter has no fence (a C node)',
  ].join('\n'),
  options: {
    servers: {
      type: 'string',
      short: 's',
      value: 'HOST:PORT,…',
      help: 'some members of the cluster',
    },
    database: { type: 'string', short: 'd', value: 'NAME', help: 'the database' },
    namespace: { type: 'string', short: 'n', value: 'NAME', help: 'default: app' },
    reason: { type: 'string', value: 'TEXT', help: 'why; it is kept with your name' },
    local: { type: 'boolean', help: 'status: what the first server has, also without a leader' },
    json: { type: 'boolean', help: 'status: print JSON' },
  },
  examples: [
    'quorate migrate status -s 127.0.0.1:9001 -d app',
    'quorate migrate exclude 3 -s 127.0.0.1:9001 -d app --reason "machine is gone"',
  ],
  run: runMigrate,
};

async function runMigrate(input: CommandInput): Promise<number> {
  const servers = addressList(requiredOption(input, 'servers'), '--servers');
  const database = connect({
    ...{ servers, database: requiredOption(input, 'database') },
    timeoutMs: 10_000,
  });
  const [action, value = '', ...more] = input.positionals;
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one word too many`);
  try {
    if (action === 'status') return await showStatus(database, servers[0], input);
    if (action === undefined || !isOperatorAction(action)) {
      throw new UsageError('say what to do: quorate migrate --help lists it');
    }
    const namespace = textOption(input, 'namespace') ?? 'app';
    const reason = textOption(input, 'reason') ?? '';
    const by = userInfo().username;
    await operate(database, { action, namespace, value, by, reason });
    console.log(`${action} ${value}`.trim());
    return 0;
  } finally {
    await database.close();
  }
}

async function showStatus(
  database: Database,
  server: string,
  input: CommandInput,
): Promise<number> {
  const local = input.values.local === true;
  const status = await schemaStatus(
    database,
    local ? { consistency: 'local', readFrom: server } : {},
  );
  if (input.values.json === true) console.log(JSON.stringify(status, undefined, 2));
  else if (status.length === 0) console.log('no program has registered migrations here');
  else console.log(status.map(statusText).join('\n'));
  return 0;
}

function statusText(status: NamespaceStatus): string {
  const { namespace, version, floor, phase, participants, pending, applied, controls } = status;
  const table = (columns: string[], rows: string[][]): string =>
    formatTable(columns, rows, { mode: 'table' });
  const parts = [
    printable(`namespace ${namespace}: version ${version}, floor ${floor}, ${phase}`),
    ...Object.entries(controls).map(([key, value]) => printable(`  ${key} ${value}`)),
    '',
    table(
      ['participant', 'kind', 'release', 'knows', 'state', 'since'],
      participants.map(({ id, kind, release, knows, state, sinceMs }) => [
        ...[id, kind, release, String(knows), state, time(sinceMs)],
      ]),
    ),
  ];
  if (pending.length > 0) {
    const rows = pending.map(({ name, kind, blockedBy, attempts, error, done }) => [
      ...[name, kind, blockedBy.join(', '), String(attempts), done > 0 ? String(done) : '', error],
    ]);
    parts.push(
      '',
      table(['comes next', 'kind', 'waits for', 'attempts', 'rows', 'failed with'], rows),
    );
  }
  const rows = applied.map(({ name, kind, by, release, finishedMs, pages }) => [
    ...[name, kind, by, release, time(finishedMs), String(pages)],
  ]);
  if (rows.length > 0) {
    parts.push('', table(['applied', 'kind', 'by', 'release', 'at', 'pages'], rows));
  }
  return parts.join('\n');
}

function time(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString().replace('T', ' ').slice(0, 19) : '';
}
