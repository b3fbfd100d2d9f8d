import type { CallOptions } from '../client/index.ts';
import {
  type Migrations,
  type NamespaceStatus,
  type PreflightReport,
  preflight,
} from '../migrate/index.ts';
import { type Command, type CommandInput, textOption, UsageError } from './command.ts';
import {
  atMostWords,
  type ClusterDatabase,
  DATABASE_OPTIONS,
  JSON_OPTION,
  NAMESPACE_OPTION,
  withDatabase,
} from './migrate-common.ts';
import { EXIT, EXIT_TEXT, follow, type Step } from './migrate-follow.ts';
import { lookAt, memberIds } from './migrate-look.ts';
import { declaredMigrations, SOURCE_OPTIONS } from './migrate-source.ts';
import { standardScreen, untilStopped } from './migrate-terminal.ts';
import { TIMEOUT_OPTION, timeoutOf } from './migrate-timeout.ts';
import { View } from './migrate-view.ts';
import { whereOf } from './migrate-where.ts';

/** `quorate migrate wait`. */
export const waitCommand: Command = {
  name: 'wait',
  summary: 'wait until migrations are applied, by whoever applies them',
  usage: 'quorate migrate wait [--to N|--ready|--finalized] -s HOST:PORT,… -d DATABASE [options]',
  description: [
    'Takes no part and applies nothing. Shows what is waited for meanwhile.',
    EXIT_TEXT,
  ].join('\n'),
  options: {
    ...DATABASE_OPTIONS,
    ...NAMESPACE_OPTION,
    to: { type: 'string', value: 'N', help: 'until this version, or the migration of this name' },
    ready: { type: 'boolean', help: 'until code with --migrations can serve' },
    finalized: {
      type: 'boolean',
      help: 'the default: until nothing is left of --migrations, or of what those know who take part; with contracts',
    },
    ...SOURCE_OPTIONS,
    ...TIMEOUT_OPTION,
    ...JSON_OPTION,
  },
  examples: [
    'quorate migrate wait --to 0005_name -s 127.0.0.1:9001 -d app --timeout 600',
    'quorate migrate wait --ready -m migrations -s 127.0.0.1:9001 -d app',
  ],
  run: runWait,
};

type Reached = (
  database: ClusterDatabase,
  statuses: readonly NamespaceStatus[],
  options: CallOptions,
) => Promise<Partial<Step>>;

async function runWait(input: CommandInput): Promise<number> {
  atMostWords(input, 0);
  const timeoutMs = timeoutOf(input);
  const reached = await reachedOf(input);
  const view = new View(standardScreen, input.values.json === true);
  const look = async (database: ClusterDatabase, options: CallOptions): Promise<Step> => {
    const found = await lookAt(database, textOption(input, 'namespace'), options);
    const step = { ...found, ...(await reached(database, found.statuses, options)) };
    const stuck = step.waits.find(({ obstacle }) => obstacle === 'repair');
    if (step.end !== undefined || stuck === undefined) return step;
    return { ...step, end: 'failed', text: `${stuck.migration}: ${stuck.why}` };
  };
  return await withDatabase(input, async (database) => {
    const end = await untilStopped((signal) =>
      follow({
        ...{ view, where: whereOf(input), timeoutMs, signal },
        look: (options) => look(database, options),
      }),
    );
    return EXIT[end];
  });
}

async function reachedOf(input: CommandInput): Promise<Reached> {
  const to = textOption(input, 'to');
  const { ready, finalized } = input.values;
  const given = [to !== undefined, ready === true, finalized === true].filter(Boolean).length;
  if (given > 1) throw new UsageError('--to, --ready and --finalized exclude each other');
  if (ready === true) return untilReady(await declaredMigrations(input));
  if (to === undefined) {
    const known = textOption(input, 'migrations') !== undefined;
    return known ? untilComplete(await declaredMigrations(input)) : untilFinalized;
  }
  return /^[0-9]+$/.test(to)
    ? untilVersion(Number(to), textOption(input, 'namespace') ?? 'app')
    : untilApplied(to, textOption(input, 'namespace') ?? 'app');
}

const NOT_YET = {};
const REACHED = { end: 'reached' } as const;

const untilFinalized: Reached = (_, statuses) =>
  Promise.resolve(
    statuses.length > 0 && statuses.every(({ pending }) => pending.length === 0)
      ? REACHED
      : NOT_YET,
  );

function untilVersion(version: number, namespace: string): Reached {
  return (_, statuses) => {
    const status = statuses.find((each) => each.namespace === namespace);
    return Promise.resolve((status?.version ?? 0) >= version ? REACHED : NOT_YET);
  };
}

function untilApplied(name: string, namespace: string): Reached {
  return async (database, statuses, options) => {
    if (statuses.length === 0) return NOT_YET;
    const sql = 'select 1 from __quorate_schema_history where ns = ? and name = ?';
    const found = await database.query(sql, [namespace, name], options);
    return found.length > 0 ? REACHED : NOT_YET;
  };
}

function untilReady(migrations: readonly Migrations[]): Reached {
  return untilAll(migrations, ({ canServe }) => canServe);
}

function untilComplete(migrations: readonly Migrations[]): Reached {
  return untilAll(migrations, ({ pending }) => pending.length === 0);
}

function untilAll(
  migrations: readonly Migrations[],
  isReached: (report: PreflightReport) => boolean,
): Reached {
  return async (database, _, options) => {
    const members = await memberIds(database, options);
    const reports = await preflight(database, migrations, { ...options, members });
    const refused = reports.find(({ verdict }) => verdict === 'refused');
    if (refused !== undefined) {
      return { end: 'failed', text: `${refused.code}: ${refused.reason}` };
    }
    // What these migrations wait for, also while nobody is there who knows them.
    const waits = reports.flatMap((report) => report.waits);
    return reports.every(isReached) ? REACHED : { waits };
  };
}
