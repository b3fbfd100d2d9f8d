import { readFileSync } from 'node:fs';
import { printable, QuorateError } from '../base/index.ts';
import { clusterCommand } from './cluster.ts';
import { type Command, parseCommand, UsageError } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { migrateCommand } from './migrate.ts';
import { shellCommand } from './shell.ts';
import { startCommand } from './start.ts';
import { chosen } from './subcommand.ts';

const COMMANDS: readonly Command[] = [startCommand, shellCommand, clusterCommand, migrateCommand];

/** Runs the command line and resolves to the exit code: 0 done, 1 failed, 2 wrong use. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-v') {
    console.log(version());
    return 0;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    return showHelp(name, rest);
  }
  let command = COMMANDS.find((candidate) => candidate.name === name);
  try {
    if (command === undefined) throw unknownCommand(name);
    const found = chosen(command, rest);
    command = found.command;
    const input = parseCommand(command, found.args);
    if (input.values.help === true) {
      console.log(commandHelp(command));
      return 0;
    }
    return await command.run(input);
  } catch (error) {
    return reportFailure(error, command);
  }
}

function showHelp(asked: string | undefined, [name, ...rest]: readonly string[]): number {
  if (asked === undefined) {
    console.error(programHelp(COMMANDS));
    return 2;
  }
  if (name === undefined) {
    console.log(programHelp(COMMANDS));
    return 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  try {
    if (command === undefined) throw unknownCommand(name);
    console.log(commandHelp(chosen(command, rest).command));
    return 0;
  } catch (error) {
    return reportFailure(error, command);
  }
}

function unknownCommand(name: string): UsageError {
  return new UsageError(`there is no command "${name}"; see quorate --help`);
}

function reportFailure(error: unknown, command: Command | undefined): number {
  if (error instanceof UsageError || isUsage(error)) {
    console.error(`quorate: ${error.message}`);
    if (command !== undefined) console.error(`usage: ${command.usage}`);
    return 2;
  }
  if (error instanceof QuorateError) {
    const hint =
      error.leader === undefined || error.leader === '' ? '' : ` (leader: ${error.leader})`;
    console.error(printable(`quorate: ${error.code}: ${error.message}${hint}`));
    return 1;
  }
  console.error('quorate:', error);
  return 1;
}

/** Options that only the node can judge are wrong use as well. */
function isUsage(error: unknown): error is QuorateError {
  return (
    error instanceof QuorateError && (error.code === 'OPTIONS' || error.code === 'BAD_ADDRESS')
  );
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : 'unknown';
}
