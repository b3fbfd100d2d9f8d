import process from 'node:process';
import { connect } from '../app/index.ts';
import {
  addressList,
  type Command,
  type CommandInput,
  numberOption,
  requiredOption,
  textOption,
  UsageError,
} from './command.ts';
import { Shell, type ShellMode, shellMode } from './shell-session.ts';

/** `quorate shell`: SQL on a cluster, interactive or one text. */
export const shellCommand: Command = {
  name: 'shell',
  summary: 'run SQL on a cluster, interactively or once',
  usage: 'quorate shell -s HOST:PORT,… DATABASE [SQL]',
  description:
    'Connects to the leader, whichever of the servers it is, and follows it. With SQL: runs it, prints the rows and ends;\n' +
    'without: reads statements from the terminal or standard input. .help inside lists the commands.',
  options: {
    servers: {
      type: 'string',
      short: 's',
      value: 'HOST:PORT,…',
      help: 'some members of the cluster',
    },
    mode: { type: 'string', short: 'm', value: 'MODE', help: 'table (default), csv, json or list' },
    timeout: { type: 'string', value: 'MS', help: 'limit of one statement; default 30000' },
  },
  examples: [
    'quorate shell -s 127.0.0.1:9001 app',
    "quorate shell -s 127.0.0.1:9001,127.0.0.1:9002 app 'select count(*) from users'",
  ],
  run: runShell,
};

async function runShell(input: CommandInput): Promise<number> {
  const servers = addressList(requiredOption(input, 'servers'), '--servers');
  const [name, ...rest] = input.positionals;
  if (name === undefined) throw new UsageError('name the database');
  const timeout = numberOption(input, 'timeout', 1, 2 ** 31 - 1) ?? 30_000;
  const mode: ShellMode = shellMode(textOption(input, 'mode') ?? 'table');
  const database = connect({ servers, database: name, timeoutMs: timeout });
  const shell = new Shell(database, name, mode, (text) => {
    process.stdout.write(`${text}\n`);
  });
  try {
    if (rest.length > 0) {
      await shell.runText(rest.join(' '));
      return 0;
    }
    return await shell.interact(process.stdin, process.stdout);
  } finally {
    await database.close();
  }
}
