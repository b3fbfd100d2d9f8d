import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseAddress } from '../app/index.ts';
import { QuorateError } from '../base/index.ts';

export type OptionConfig = NonNullable<ParseArgsConfig['options']>[string] & {
  /** Placeholder of the value in the help text. */
  readonly value?: string;
  readonly help: string;
};

/** One command of the command line, or a group of commands. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  readonly description?: string;
  readonly options: Readonly<Record<string, OptionConfig>>;
  readonly examples?: readonly string[];
  /** Of a group: its commands; it has no options of its own then. */
  readonly subcommands?: readonly Command[];
  run(input: CommandInput): Promise<number>;
}

export interface CommandInput {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | string[] | undefined>>;
}

/** Wrong use of the command line: shown without a stack, exit code 2. */
export class UsageError extends QuorateError {
  constructor(message: string) {
    super('USAGE', message);
  }
}

/** The command's options, and --help, as node's parser takes them. */
export function parseConfig(command: Command): NonNullable<ParseArgsConfig['options']> {
  const options: NonNullable<ParseArgsConfig['options']> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const [name, option] of Object.entries(command.options)) {
    options[name] = {
      type: option.type,
      ...(option.short === undefined ? {} : { short: option.short }),
      ...(option.multiple === undefined ? {} : { multiple: option.multiple }),
    };
  }
  return options;
}

/** Splits arguments by the command's options. Throws UsageError for unknown or incomplete ones. */
export function parseCommand(command: Command, args: readonly string[]): CommandInput {
  const options = parseConfig(command);
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as CommandInput['values'], positionals };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The value of a text option; undefined when it was not given. */
export function textOption(input: CommandInput, name: string): string | undefined {
  const value = input.values[name];
  return typeof value === 'string' ? value : undefined;
}

/** As `textOption`, but it must be there. */
export function requiredOption(input: CommandInput, name: string): string {
  const value = textOption(input, name);
  if (value === undefined || value === '') throw new UsageError(`--${name} is required`);
  return value;
}

/** A whole number within bounds; undefined when it was not given. */
export function numberOption(
  input: CommandInput,
  name: string,
  lowest: number,
  highest: number,
): number | undefined {
  const text = textOption(input, name);
  if (text === undefined) return undefined;
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw new UsageError(
      `--${name} must be a whole number from ${lowest} to ${highest}, not "${text}"`,
    );
  }
  return value;
}

/** Comma-separated addresses; each must be HOST:PORT. */
export function addressList(text: string, name: string): string[] {
  const addresses = text.split(',').map((part) => part.trim());
  for (const address of addresses) checkAddress(address, name);
  return addresses;
}

/** Throws UsageError unless the text is HOST:PORT. */
export function checkAddress(address: string, name: string): string {
  if (portOf(address) < 1) {
    throw new UsageError(`${name} must be HOST:PORT with a port from 1 to 65535, not "${address}"`);
  }
  return address;
}

/** 0 when the address is none, or leaves the port to the system. */
function portOf(address: string): number {
  try {
    return parseAddress(address).port;
  } catch {
    return 0;
  }
}

/** A node id: a decimal number, or hexadecimal with 0x. */
export function parseId(text: string, name: string): bigint {
  if (/^(0x[0-9a-f]+|[0-9]+)$/i.test(text)) {
    const id = BigInt(text);
    if (id > 0n && id < 1n << 64n) return id;
  }
  throw new UsageError(`${name} must be a number from 1 to 2^64−1, not "${text}"`);
}
