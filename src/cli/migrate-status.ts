import type { CallOptions } from '../client/index.ts';
import { type Command, type CommandInput, textOption } from './command.ts';
import {
  atMostWords,
  DATABASE_OPTIONS,
  JSON_OPTION,
  NAMESPACE_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { follow } from './migrate-follow.ts';
import { type Look, lookAt } from './migrate-look.ts';
import { statusText } from './migrate-status-text.ts';
import { standardScreen, untilStopped } from './migrate-terminal.ts';
import { View } from './migrate-view.ts';
import { waitJson } from './migrate-wait-text.ts';
import { type Where, whereOf } from './migrate-where.ts';

/** `quorate migrate status`. */
export const statusCommand: Command = {
  name: 'status',
  summary: 'what is applied, what comes next, who takes part, who blocks what',
  usage: 'quorate migrate status -s HOST:PORT,… -d DATABASE [options]',
  description:
    'Shows every namespace, or one: who takes part, what comes next and what it waits for, with the command that would end the wait.',
  options: {
    ...DATABASE_OPTIONS,
    ...NAMESPACE_OPTION,
    local: { type: 'boolean', help: 'what the first server has, also without a leader' },
    watch: { type: 'boolean', short: 'w', help: 'go on showing it whenever it changes' },
    ...JSON_OPTION,
  },
  examples: [
    'quorate migrate status -s 127.0.0.1:9001 -d app',
    'quorate migrate status -s 127.0.0.1:9001 -d app --watch',
  ],
  run: runStatus,
};

async function runStatus(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const where = whereOf(input);
  const json = input.values.json === true;
  return await withDatabase(input, async (database, [server = '']) => {
    const local: CallOptions =
      input.values.local === true ? { consistency: 'local', readFrom: server } : {};
    const look = (options: CallOptions): Promise<Look> =>
      lookAt(database, textOption(input, 'namespace'), { ...local, ...options });
    if (input.values.watch === true) return await watch(look, where, json);
    const found = await look({});
    console.log(json ? JSON.stringify(statusJson(found, where), undefined, 2) : text(found, where));
    return 0;
  });
}

async function watch(
  look: (options: CallOptions) => Promise<Look>,
  where: Where,
  json: boolean,
): Promise<number> {
  const view = new View(standardScreen, json);
  const show = (found: Look): void =>
    view.board(
      { lines: text(found, where).split('\n'), progress: [] },
      { event: 'status', namespaces: statusJson(found, where) },
    );
  await untilStopped((signal) => follow({ view, show, signal, where, timeoutMs: undefined, look }));
  return 0;
}

function text({ statuses, waits }: Look, where: Where): string {
  if (statuses.length === 0) return 'no program has registered migrations here';
  return statuses.map((status) => statusText(status, waits, where)).join('\n');
}

/** Each namespace with its waits. */
function statusJson({ statuses, waits }: Look, where: Where): readonly object[] {
  return statuses.map((status) => ({
    ...status,
    waits: waits
      .filter(({ namespace }) => namespace === status.namespace)
      .map((wait) => waitJson(wait, where)),
  }));
}
