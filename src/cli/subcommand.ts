import { parseArgs } from 'node:util';
import { type Command, parseConfig, UsageError } from './command.ts';

/** A command to run, and the arguments that are left for it. */
export interface Chosen {
  readonly command: Command;
  readonly args: readonly string[];
}

/**
 * Which command of a group is meant: the first argument that is no option, wherever it stands. The group itself when none is named. Throws
 * UsageError for an unknown one.
 */
export function chosen(command: Command, args: readonly string[]): Chosen {
  const { subcommands } = command;
  if (subcommands === undefined) return { command, args };
  // Only to tell the value of an option from the name of a command; mistakes are told when that command reads its arguments.
  const options = Object.fromEntries(
    subcommands.flatMap((each) => Object.entries(parseConfig(each))),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const word = tokens.find((token) => token.kind === 'positional');
  if (word === undefined) {
    const help = tokens.some((token) => token.kind === 'option' && token.name === 'help');
    return { command, args: help ? ['--help'] : [] };
  }
  const found = subcommands.find(({ name }) => name === word.value);
  if (found === undefined) {
    throw new UsageError(
      `there is no "${command.name} ${word.value}": say what to do, quorate ${command.name} --help lists it`,
    );
  }
  return { command: found, args: args.toSpliced(word.index, 1) };
}

/** A command that is nothing but a group of others. */
export function commandGroup(
  group: Pick<Command, 'name' | 'summary' | 'description' | 'examples'>,
  subcommands: readonly Command[],
): Command {
  const { name } = group;
  return {
    ...group,
    usage: `quorate ${name} ACTION [options]`,
    options: {},
    subcommands,
    run: () => Promise.reject(new UsageError(`say what to do: quorate ${name} --help lists it`)),
  };
}
