import { schemaStatus } from '../migrate/index.ts';
import { type Command, type CommandInput, textOption } from './command.ts';
import {
  atMostWords,
  DATABASE_OPTIONS,
  JSON_OPTION,
  NAMESPACE_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { statusText } from './migrate-status-text.ts';

/** `quorate migrate status`. */
export const statusCommand: Command = {
  name: 'status',
  summary: 'what is applied, what comes next, who takes part, who blocks what',
  usage: 'quorate migrate status -s HOST:PORT,… -d DATABASE [options]',
  options: {
    ...DATABASE_OPTIONS,
    ...NAMESPACE_OPTION,
    local: { type: 'boolean', help: 'what the first server has, also without a leader' },
    ...JSON_OPTION,
  },
  examples: ['quorate migrate status -s 127.0.0.1:9001 -d app'],
  run: runStatus,
};

async function runStatus(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  return await withDatabase(input, async (database, [server = '']) => {
    const local = input.values.local === true;
    const namespace = textOption(input, 'namespace');
    const all = await schemaStatus(
      database,
      local ? { consistency: 'local', readFrom: server } : {},
    );
    const status = all.filter((each) => namespace === undefined || each.namespace === namespace);
    if (input.values.json === true) console.log(JSON.stringify(status, undefined, 2));
    else if (status.length === 0) console.log('no program has registered migrations here');
    else console.log(status.map(statusText).join('\n'));
    return 0;
  });
}
