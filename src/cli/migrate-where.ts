import type { CommandInput } from './command.ts';
import { textOption } from './command.ts';

/** How commands that are shown to people find the same database. */
export interface Where {
  readonly servers: string;
  readonly database: string;
}

export function whereOf(input: CommandInput): Where {
  const { servers = '', database = '' } = {
    servers: textOption(input, 'servers'),
    database: textOption(input, 'database'),
  };
  return { servers, database };
}

/** A command of `quorate migrate`, ready to be pasted into a shell. */
export function migrateLine(
  words: readonly string[],
  namespace: string,
  { servers, database }: Where,
): string {
  return [
    ...['quorate', 'migrate', ...words, '-s', servers, '-d', database],
    ...(namespace === 'app' ? [] : ['-n', namespace]),
  ]
    .map(quoted)
    .join(' ');
}

/** Commands in texts of the server, which does not know how it was found. */
const COMMAND =
  /quorate migrate ((?:exclude|include|repair|rerecord|override|finalize) \S+?|[a-z-]+)(?=[,;:)\s]|\.\s|\.?$)/g;

/** A text of the server with commands that can be pasted into a shell. */
export function withWhere(text: string, namespace: string, where: Where): string {
  return text.replaceAll(COMMAND, (_, words: string) =>
    migrateLine(words.split(' '), namespace, where),
  );
}

const PLAIN = /^[A-Za-z0-9_.,:/@%+=-]+$/;

function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
