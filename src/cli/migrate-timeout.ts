import { type CommandInput, numberOption } from './command.ts';

const SECONDS_MAX = 7 * 24 * 3600;

export const TIMEOUT_OPTION = {
  timeout: { type: 'string', value: 'S', help: 'seconds to wait at most; default: no limit' },
} as const;

/** Milliseconds of --timeout; undefined = no limit. */
export function timeoutOf(input: CommandInput): number | undefined {
  const seconds = numberOption(input, 'timeout', 1, SECONDS_MAX);
  return seconds === undefined ? undefined : seconds * 1000;
}
