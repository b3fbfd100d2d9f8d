import { printable } from '../base/index.ts';
import { type Adoption, adoptHistory, HISTORY_TOOLS, type HistoryTool } from '../migrate/index.ts';
import { type Command, type CommandInput, textOption, UsageError } from './command.ts';
import {
  atMostWords,
  DATABASE_OPTIONS,
  decisionOf,
  JSON_OPTION,
  NAMESPACE_OPTION,
  REASON_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { declaredMigrations, SOURCE_OPTIONS } from './migrate-source.ts';

/** `quorate migrate baseline`. */
export const baselineCommand: Command = {
  name: 'baseline',
  summary: 'take over what another tool has applied; nothing is executed',
  usage:
    'quorate migrate baseline -m PATH [--from TOOL | --at NAME] -s HOST:PORT,… -d DATABASE [options]',
  description: [
    'Reads the history that another tool keeps in the database, compares it with the migrations of --migrations, and records as applied what that tool has applied.',
    'Refuses when a migration is missing, was edited since, failed, or has a gap before it. To be run once, before the first copy of the new build starts.',
  ].join('\n'),
  options: {
    ...DATABASE_OPTIONS,
    ...SOURCE_OPTIONS,
    ...NAMESPACE_OPTION,
    from: {
      type: 'string',
      value: 'TOOL',
      help: `whose history: ${HISTORY_TOOLS.join(', ')} (default: the one that is there)`,
    },
    table: {
      type: 'string',
      value: 'NAME',
      help: "with --from: the tool's table, where it has another name than usual",
    },
    at: {
      type: 'string',
      value: 'NAME',
      help: 'no history is read: the schema is that after this migration',
    },
    'dry-run': { type: 'boolean', help: 'record nothing, only say what would be' },
    ...REASON_OPTION,
    ...JSON_OPTION,
  },
  examples: [
    'quorate migrate baseline -m drizzle --from drizzle -s 127.0.0.1:9001 -d app --reason "we move to Quorate"',
    'quorate migrate baseline -m migrations --at 0007_orders -s 127.0.0.1:9001 -d app',
  ],
  run: runBaseline,
};

async function runBaseline(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const [from, at] = [toolOf(input), textOption(input, 'at')];
  if (from !== undefined && at !== undefined) {
    throw new UsageError('--from reads a history, --at reads none: give one of them');
  }
  const table = textOption(input, 'table');
  if (table !== undefined && from === undefined) {
    throw new UsageError('--table alone does not say whose it is: give --from too');
  }
  const [migrations, other] = await declaredMigrations(input);
  if (migrations === undefined || other !== undefined) {
    throw new UsageError('say which namespace (-n) of these migrations the history is');
  }
  return await withDatabase(input, async (database) => {
    const dryRun = input.values['dry-run'] === true;
    const options = { from, table, at, dryRun, ...decisionOf(input) };
    const adoption = await adoptHistory(database, migrations, options);
    console.log(
      input.values.json === true
        ? JSON.stringify(adoption, undefined, 2)
        : adoptionLines(adoption).map(printable).join('\n'),
    );
    return 0;
  });
}

function toolOf(input: CommandInput): HistoryTool | undefined {
  const text = textOption(input, 'from');
  if (text === undefined || text === 'auto') return undefined;
  const tool = HISTORY_TOOLS.find((each) => each === text);
  if (tool === undefined) throw new UsageError(`--from must be one of ${HISTORY_TOOLS.join(', ')}`);
  return tool;
}

const VERB = {
  adopted: 'now counts as applied',
  already: 'counts as applied already',
  'would-adopt': 'would count as applied',
} as const;

/** What was taken over, a line for each migration. */
export function adoptionLines(adoption: Adoption): string[] {
  const { outcome, namespace, table, migrations, notes } = adoption;
  const source = table === undefined ? 'as you say' : `by ${table}`;
  return [
    `${namespace}, ${source}:`,
    ...migrations.map((name) => `  ${name} ${VERB[outcome]}`),
    ...notes.map((note) => `note: ${note}`),
  ];
}
